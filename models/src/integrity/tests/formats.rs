//! What the blocks of the layer hold, byte by byte.

use super::*;
use checksum::Sum;
use format::{Generation, Geometry, Identity, POINTER_SIZE, Root, TAG_SIZE, identity, is_whole, seal};
use proptest::prelude::*;

fn root() -> Root {
    Root {
        kind: Checksum::Crc32c,
        generation: Generation(7),
        geometry: Geometry::of(1000).expect("a small volume"),
        top: Pointer { place: Place(9), sum: Sum(0x0102_0304) },
    }
}

#[test]
fn a_root_has_the_bytes_of_the_drawing() {
    let page = root().encode();
    let expected = [
        &b"CCINTEG\n"[..],
        &[1, 0, 0, 0, 4, 2, 0, 0],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        &[0xe8, 3, 0, 0, 0, 0, 0, 0],
        // 2 roots, 1000 blocks, 2 + 1 map blocks, 31 + 16 to spare.
        &1052_u32.to_le_bytes(),
        &[9, 0, 0, 0, 4, 3, 2, 1],
    ]
    .concat();
    assert_eq!(page[..expected.len()], expected);
    assert!(page[expected.len()..].iter().all(|byte| *byte == 0));
    assert_eq!(Root::decode(&page), Some(root()));
    for at in [0, 7, 8, 12, 13, 24, 32] {
        let mut wrong = page;
        wrong[at] ^= 0x40;
        assert_eq!(Root::decode(&wrong), None, "byte {at}");
    }
}

/// DI-06: the identity is the member in the highest bit, and the place.
#[test]
fn a_tag_has_the_bytes_of_the_drawing() {
    let identity_of = Identity { member: Member(1), place: Place(0x0102_0304) };
    let sealed = seal(&page(5, 3), Some(identity_of), Checksum::Crc32c);
    assert_eq!(sealed[..BLOCK_SIZE], page(5, 3));
    assert_eq!(sealed[BLOCK_SIZE..BLOCK_SIZE + 4], [4, 3, 2, 0x81]);
    let sum = Checksum::Crc32c.of(&sealed[..BLOCK_SIZE + 4]);
    assert_eq!(sealed[BLOCK_SIZE + 4..], sum.0.to_le_bytes());
    assert_eq!(identity(&sealed), identity_of);
    assert!(is_whole(&sealed, Checksum::Crc32c) && !is_whole(&sealed, Checksum::Xor));
}

/// DI-10: 8 bytes for 4 KiB are 0.195 %; the same again for the checksums that are kept elsewhere.
#[test]
fn checksums_cost_less_than_half_a_percent() {
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole as f64;
    assert!((percent(TAG_SIZE as u64, BLOCK_SIZE as u64) - 0.1953).abs() < 0.0001);
    assert!((percent(POINTER_SIZE as u64, BLOCK_SIZE as u64) - 0.1953).abs() < 0.0001);
    let geometry = Geometry::of(1 << 20).expect("4 GiB");
    assert_eq!(geometry.height, 3);
    let spare = geometry.blocks / 32 + 16;
    let map = u64::from(geometry.places) - 2 - geometry.blocks - spare;
    assert_eq!(map, 2048 + 4 + 1);
    let tags = u64::from(geometry.places) * TAG_SIZE as u64;
    let overhead = percent(map * BLOCK_SIZE as u64 + tags, geometry.capacity().0);
    assert!(overhead < 0.41, "{overhead} %");
    assert_eq!(geometry.member_len(), Bytes(u64::from(geometry.places) * 4104));
}

#[test]
fn volumes_have_a_largest_size() {
    assert_eq!(Geometry::of(0), None);
    assert_eq!(Geometry::of(1).map(|geometry| geometry.height), Some(2));
    assert_eq!(Geometry::of(1 << 18).map(|geometry| geometry.height), Some(2));
    assert_eq!(Geometry::of((1 << 18) + 1).map(|geometry| geometry.height), Some(3));
    assert_eq!(Geometry::of(1 << 30).map(|geometry| geometry.height), Some(4));
    assert_eq!(Geometry::of(1 << 31), None);
    assert_eq!(Geometry::of(u64::MAX), None);
    let error = Integrity::default().format(&Disk::plain(&[]), Bytes(u64::MAX)).expect_err("too large");
    assert!(error.to_string().starts_with("a volume cannot have"), "{error}");
}

/// A place on a small volume, or anything.
fn any_pointer() -> impl Strategy<Value = Pointer> {
    let place = prop_oneof![4 => 0..40u32, 1 => any::<u32>()];
    (place, any::<u32>()).prop_map(|(place, sum)| Pointer { place: Place(place), sum: Sum(sum) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes that nobody wrote, with checksums as if somebody had: an error, or a volume that can be read.
    #[test]
    fn no_bytes_make_opening_a_volume_panic(
        bytes in prop::collection::vec(any::<u8>(), BLOCK_SIZE), roots in any::<[bool; 4]>(), top in any_pointer(),
        pointers in prop::collection::vec((0..512usize, any_pointer()), 0..8), checked in any::<bool>(),
    ) {
        let layer = if checked { Integrity::default() } else { with("read-unchecked") };
        let disk = formatted(layer, 16);
        let mut map = [0; BLOCK_SIZE];
        if pointers.len() % 2 == 0 {
            map.copy_from_slice(&bytes);
        }
        for (slot, pointer) in pointers {
            map[slot * 8..slot * 8 + 4].copy_from_slice(&pointer.place.0.to_le_bytes());
            map[slot * 8 + 4..slot * 8 + 8].copy_from_slice(&pointer.sum.0.to_le_bytes());
        }
        let kind = Checksum::Crc32c;
        let geometry = Geometry::of(16).expect("a small volume");
        for (nth, is_root) in roots.into_iter().enumerate() {
            let (member, place) = (Member(nth as u8 % 2), Place(nth as u32 / 2));
            let generation = Generation(u64::from(bytes[nth]));
            let top = Pointer { place: top.place, sum: kind.of(&map) };
            let mut page = Root { kind, generation, geometry, top }.encode();
            if !is_root {
                page.copy_from_slice(&bytes);
            }
            put(&disk, member, place, &seal(&page, Some(Identity { member, place }), kind));
        }
        for member in Member::BOTH {
            let place = top.place;
            if place.0 < geometry.places {
                put(&disk, member, place, &seal(&map, Some(Identity { member, place }), kind));
            }
        }
        if let Ok(mut live) = layer.open(disk) {
            // Whatever it says, it says it.
            let _ = (live.check(), live.read_block(3), live.scrub());
        }
    }
}
