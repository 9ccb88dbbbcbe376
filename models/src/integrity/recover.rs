//! Opening a volume: the newest root that is whole, on whichever member, and the map that it leads to.
//!
//! There is nothing to redo. A crash before the root is durable leaves the old one, and all that it leads to is still
//! where it was; whatever was in flight then lies where nothing leads.

use super::IntegrityError;
use super::bugs::{Bug, Bugs};
use super::checksum::Checksum;
use super::format::{Generation, Geometry, Member, Place, Pointer, ROOTS, Root};
use super::live::Live;
use super::map::Map;
use super::mirror::{Fault, Mirror};
use super::space::Space;
use crashcheck::{DeviceId, Disk};

/// Prepares both members for a volume without any data.
///
/// # Errors
/// If a member refuses.
pub fn format(disk: &Disk, geometry: Geometry, kind: Checksum, bugs: Bugs) -> Result<(), IntegrityError> {
    let mut mirror = Mirror::new(&members(disk), kind, bugs);
    for generation in 0..u64::from(ROOTS) {
        let generation = Generation(generation);
        let root = Root { kind, generation, geometry, top: Pointer::NONE };
        mirror.write(generation.place(), &root.encode(), "root")?;
    }
    mirror.flush()
}

/// Opens a volume.
///
/// # Errors
/// If neither member has a root, or what the newest one leads to has no good copy.
pub fn open(disk: &Disk, bugs: Bugs) -> Result<Live, IntegrityError> {
    open_on(&members(disk), bugs)
}

/// Opens the volume of two members.
pub(super) fn open_on(members: &[Disk; 2], bugs: Bugs) -> Result<Live, IntegrityError> {
    let (mut mirror, root) = newest_root(members, bugs)?;
    renew_root(&mut mirror, &root)?;
    let mut space = Space::new(&root.geometry);
    let map = Map::load(&mut mirror, &root.geometry, root.top, &mut space)?;
    Ok(Live::new(mirror, &root, map, space))
}

fn members(disk: &Disk) -> [Disk; 2] {
    Member::BOTH.map(|member| disk.device(DeviceId(u16::from(member.0))))
}

/// The newest root. A root says itself with which kind of checksum it is to be compared; all four copies are looked at
/// under that of the first that is whole.
fn newest_root(members: &[Disk; 2], bugs: Bugs) -> Result<(Mirror, Root), IntegrityError> {
    let mut why = Vec::new();
    for kind in Checksum::ALL.into_iter().rev() {
        let mut mirror = Mirror::new(members, kind, bugs);
        let mut roots = Vec::new();
        for place in (0..ROOTS).map(Place) {
            for member in Member::BOTH {
                match root_copy(&mut mirror, member, place)? {
                    Ok(root) => roots.push(root),
                    Err(fault) => why.push((member, fault)),
                }
            }
        }
        let newest = match bugs.has(Bug::RootWithoutGeneration) {
            true => roots.first().copied(),
            false => roots.into_iter().max_by_key(|root| root.generation),
        };
        if let Some(root) = newest {
            return Ok((mirror, root));
        }
        mirror.still_works()?;
    }
    why.truncate(2 * ROOTS as usize);
    let each = why.iter().map(|(member, fault)| format!("on member {} {fault}", member.0));
    Err(IntegrityError::NoRoot { why: each.collect::<Vec<_>>().join(", ") })
}

/// The root that one member has at a place.
fn root_copy(
    mirror: &mut Mirror,
    member: Member,
    place: Place,
) -> Result<Result<Root, Fault>, IntegrityError> {
    let page = match mirror.copy(member, place, None)? {
        Ok(page) => page,
        Err(fault) => return Ok(Err(fault)),
    };
    let root = Root::decode(&page).filter(|root| root.kind == mirror.kind);
    Ok(root.ok_or(Fault::Corrupt))
}

/// Writes the root to a member that does not have it: a root that one member alone had survived a crash on must not be
/// taken back by the loss of that member, once it was seen.
fn renew_root(mirror: &mut Mirror, root: &Root) -> Result<(), IntegrityError> {
    let place = root.generation.place();
    let mut renewed = false;
    for member in Member::BOTH {
        let fault = match root_copy(mirror, member, place)? {
            Ok(found) if found == *root => continue,
            Ok(_) => Fault::Stale,
            Err(fault) => fault,
        };
        mirror.repair(member, fault, place, &root.encode())?;
        renewed |= fault != Fault::Lost;
    }
    match renewed {
        true => mirror.flush(),
        false => Ok(()),
    }
}

/// What is still to be told of a volume that was just opened.
pub(super) fn remark(live: &Live) -> String {
    let met = live.met();
    let words = match () {
        () if !live.mirror.is_whole() => "one member lost",
        () if met.unreadable > 0 => "an unreadable block rewritten",
        () if met.corrupt > 0 => "a corrupt block rewritten",
        () if met.misplaced > 0 => "a misplaced block rewritten",
        () if met.stale > 0 => "a stale block rewritten",
        () => "nothing to repair",
    };
    words.to_owned()
}
