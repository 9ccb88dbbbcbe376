//! Device profiles: which outcomes a device allows. Data, not code: a profile is a small TOML table.

use crashcheck_trace::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a device may leave behind at a crash.
///
/// ```toml
/// name   = "torn"
/// about  = "Any unit of 512 bytes of any write in flight may or may not have reached the medium."
/// order  = "any"        # or "issued": what survives is a prefix of what was issued
/// atomic = 512          # bytes that reach the medium together, at multiples of themselves; or "write"
/// flush  = "honest"     # or "ignored"; the same for waiting for a flash chip
/// fua    = "honest"     # or "ignored"
/// cache  = "volatile"   # or "none": what is written is durable when the write is over, and in flight until then
/// torn   = "old-or-new" # or "garbage": a unit that was being written may read as garbage; under order = "issued"
///                       # that is the first one that is not complete
/// discard = "zero"      # or "old", "garbage": what a discarded range reads as
///
/// [faults]              # what may go wrong beside the power; by default nothing
/// most = 1              # so many of these at most, in one crash state
/// device-lost = "never" # or "at-crash", "in-service": one of several devices fails as a whole
/// unreadable = false    # a block cannot be read until it is written again
/// corrupt = false       # until it is written again a block reads as garbage, as zeros, with a bit flipped, or with
///                       # another byte among its first or its last ones
/// lost-write = false    # a write that was acknowledged and flushed never reached the medium
/// misdirected = false   # one landed on a neighbouring block instead
/// misdirected-device = false # one landed at its place on the next of several devices instead
/// flips = false         # one bit of a page of a flash chip reads flipped
/// flush-error = false   # a flush, or a write with FUA, returns an error, once or from then on; of what was in flight any
///                       # part may be lost, no later flush saves it, and it reads as written or as before
///
/// [files]               # what a file system promises of a tree of files beyond POSIX; without it nothing
/// names = "any"         # or "issued": what calls do to names reaches the medium in the order of the calls
/// replace-flush = false # what has made a file longer is written out before it takes the name of another
/// fsync = "inode"       # or "names": of a file its names too, and new directories above them; or "earlier": what was done to any
///                       # names before what is synced was made, was made longer or shorter, was given a name, or, a directory, got or
///                       # lost names
/// fdatasync = "length"  # or "data": of a file only what was written, not its length; or "fsync": what fsync does. With "length" it
///                       # makes names durable only if the file was made or its length changed, and then those before that
///
/// [cluster]             # what may happen to the nodes of a cluster; without it all lose their power together
/// nodes = 1             # so many of them at most go down; by default any number
/// late  = true          # a message on its way may arrive after everything else
/// twice = true          # or at its time and once more after everything else
/// lost  = true          # or not at all
/// ```
///
/// Every profile serves flash chips as well. A program or an erase is always one unit, and those on one erase block keep
/// their order, so that `order` is about different erase blocks, and `atomic`, `fua` and `discard` say nothing. The
/// profile for flash chips is `flash`: only where `torn` is `"garbage"` does the power cut a program or an erase off
/// half-way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name on the command line: letters, digits and `-`.
    pub name: String,
    /// In a sentence.
    pub about: String,
    /// Whether writes in flight may overtake each other.
    #[serde(default)]
    pub order: Order,
    /// What reaches the medium together.
    #[serde(default)]
    pub atomic: Atomic,
    /// Whether a flush does what it says.
    #[serde(default)]
    pub flush: Honesty,
    /// Whether force unit access does what it says.
    #[serde(default)]
    pub fua: Honesty,
    /// Whether the device has a cache that loses what it holds with the power. Flash chips have none.
    #[serde(default, skip_serializing_if = "Cache::is_volatile")]
    pub cache: Cache,
    /// What a unit reads as that was being written when the power went.
    #[serde(default)]
    pub torn: Torn,
    /// What a discarded range reads as.
    #[serde(default)]
    pub discard: Discard,
    /// What may go wrong beside the power.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    pub faults: Faults,
    /// What a file system promises of a tree of files beyond POSIX.
    #[serde(default, skip_serializing_if = "FileSystem::is_posix")]
    pub files: FileSystem,
    /// What may happen to the nodes of a cluster and the messages between them. Without it all nodes lose their power
    /// together, and all messages are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

/// What a file system promises of a tree of files beyond POSIX. Without it names, lengths and data are independent of each
/// other, and `fsync` makes durable what it is called for: the data and the length of a file, the names in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FileSystem {
    /// Whether what one call does to names may overtake what another does. Of lengths and data this says nothing.
    pub names: Order,
    /// Whether what has made a file longer is written out before the file takes the name of another one.
    pub replace_flush: bool,
    /// What `fsync` makes durable.
    pub fsync: Fsync,
    /// What `fdatasync` of a file makes durable.
    #[serde(skip_serializing_if = "Fdatasync::is_length")]
    pub fdatasync: Fdatasync,
}

impl FileSystem {
    /// Whether it is no more than POSIX promises.
    pub(crate) fn is_posix(&self) -> bool {
        *self == FileSystem::default()
    }
}

/// What `fsync` of a file or a directory makes durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fsync {
    /// The data and the length of the file; the names in the directory.
    #[default]
    Inode,
    /// And the names of what is synced; and of the directories that they are in the first names, if these are new.
    Names,
    /// And what was done to any names before the last change that was not durable yet of these: that what is synced was made, its
    /// length, a name that it was given, the names in a directory. Where there is no such change, nothing.
    Earlier,
}

/// What `fdatasync` of a file makes durable. Of a directory it is what `fsync` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fdatasync {
    /// What was written to it, and not its length.
    Data,
    /// Its data and its length. Where it was made or its length has changed and that was not durable yet, also the names that `fsync`
    /// makes durable for these.
    #[default]
    Length,
    /// What `fsync` does.
    Fsync,
}

impl Fdatasync {
    fn is_length(&self) -> bool {
        *self == Fdatasync::Length
    }
}

/// What may happen to the nodes of a cluster and the messages between them, where the nodes crash one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// So many nodes at most go down; `None` for any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u16>,
    /// A message on its way may arrive after everything else.
    #[serde(default)]
    pub late: bool,
    /// It may arrive at its time, and once more after everything else.
    #[serde(default)]
    pub twice: bool,
    /// It may not arrive.
    #[serde(default)]
    pub lost: bool,
}

impl Cluster {
    /// What may become of a message on its way.
    pub fn fates(&self) -> Fates {
        Fates { late: self.late, twice: self.twice, lost: self.lost }
    }
}

/// What may become of a message that is on its way at a crash, beside arriving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fates {
    /// It arrives after everything else.
    pub late: bool,
    /// It arrives at its time, and once more after everything else.
    pub twice: bool,
    /// It does not arrive.
    pub lost: bool,
}

/// What became of a message that was on its way at a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived at its time.
    Arrived,
    /// It arrived after everything else.
    Late,
    /// Both.
    Twice,
    /// It did not arrive.
    Lost,
}

impl Fates {
    /// How many there are, with that of arriving.
    pub fn outcomes(self) -> u8 {
        1 + u8::from(self.late) + u8::from(self.twice) + u8::from(self.lost)
    }

    /// The fate that an outcome stands for: 0 is that of arriving, and then come those that may be, late ones first.
    pub fn of(self, outcome: u8) -> Fate {
        let all = [(self.late, Fate::Late), (self.twice, Fate::Twice), (self.lost, Fate::Lost)];
        let mut may_be = all.into_iter().filter(|(may, _)| *may).map(|(_, fate)| fate);
        outcome.checked_sub(1).and_then(|nth| may_be.nth(nth.into())).unwrap_or(Fate::Arrived)
    }
}

/// What may go wrong with a device beside the power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Faults {
    /// So many of these at most, in one crash state.
    pub most: u32,
    /// When one of several devices may fail as a whole.
    pub device_lost: When,
    /// Whether a block may be unreadable until it is written again.
    pub unreadable: bool,
    /// Whether a block may hold what nobody wrote, until it is written again.
    pub corrupt: bool,
    /// Whether a write that was acknowledged and flushed may not be on the medium.
    pub lost_write: bool,
    /// Whether a write that was acknowledged and flushed may be on a neighbouring block.
    pub misdirected: bool,
    /// Whether it may be at its place on the next of several devices.
    pub misdirected_device: bool,
    /// Whether a programmed page of a flash chip may read with one bit flipped until its block is erased: read or program
    /// disturb, and what leaks away with time.
    pub flips: bool,
    /// Whether one flush of the workload, or one write with force unit access, may return an error. What the system does then is
    /// another recording of the workload, so that this is asked while it is recorded.
    pub flush_error: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            most: 1,
            device_lost: When::Never,
            unreadable: false,
            corrupt: false,
            lost_write: false,
            misdirected: false,
            misdirected_device: false,
            flips: false,
            flush_error: false,
        }
    }
}

impl Faults {
    /// Where writes may land that do not go where they should.
    pub(crate) fn landings(&self) -> impl Iterator<Item = Landing> {
        let beside = [Landing::Behind, Landing::Before].into_iter().filter(|_| self.misdirected);
        beside.chain(self.misdirected_device.then_some(Landing::NextDevice))
    }

    /// Whether nothing goes wrong.
    pub fn is_none(&self) -> bool {
        self.has_none_but_flush_errors() && !self.flush_error
    }

    fn has_none_but_flush_errors(&self) -> bool {
        let Faults { device_lost, unreadable, corrupt, lost_write, flips, .. } = *self;
        let silent = corrupt || lost_write || flips || self.landings().next().is_some();
        device_lost == When::Never && !unreadable && !silent
    }
}

/// Where a write lands that does not go where it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Landing {
    /// On the block behind.
    Behind,
    /// On the block before.
    Before,
    /// On the same place of the next of several devices.
    NextDevice,
}

/// When a fault may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// It does not.
    #[default]
    Never,
    /// Together with the crash: recovery meets it.
    AtCrash,
    /// While the recovered system is in use.
    InService,
}

/// Whether writes in flight may overtake each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Any subset of the writes in flight may have reached the medium.
    #[default]
    Any,
    /// What reached the medium is a prefix of what was issued.
    Issued,
}

/// What reaches the medium together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AtomicText", into = "AtomicText")]
pub enum Atomic {
    /// A whole write, of whatever length.
    #[default]
    Write,
    /// So many bytes, at multiples of themselves.
    Bytes(u32),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum AtomicText {
    Bytes(u32),
    Word(String),
}

impl TryFrom<AtomicText> for Atomic {
    type Error = String;
    fn try_from(text: AtomicText) -> Result<Self, String> {
        match text {
            AtomicText::Word(word) if word == "write" => Ok(Atomic::Write),
            AtomicText::Bytes(bytes) if bytes.is_power_of_two() && bytes >= 8 => Ok(Atomic::Bytes(bytes)),
            AtomicText::Bytes(bytes) => {
                Err(format!("atomic = {bytes}: must be a power of two of at least 8"))
            }
            AtomicText::Word(word) => {
                Err(format!("atomic = \"{word}\": must be a number of bytes or \"write\""))
            }
        }
    }
}

impl From<Atomic> for AtomicText {
    fn from(atomic: Atomic) -> Self {
        match atomic {
            Atomic::Write => AtomicText::Word("write".to_owned()),
            Atomic::Bytes(bytes) => AtomicText::Bytes(bytes),
        }
    }
}

/// Whether a command does what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Honesty {
    /// It does.
    #[default]
    Honest,
    /// The device acknowledges it and does nothing.
    Ignored,
}

/// Whether a device has a cache that loses what it holds with the power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cache {
    /// It has: a write is in flight until something makes it durable.
    #[default]
    Volatile,
    /// It has none: a write is in flight until it is over. Of requests that overlap in time a trace says only in which
    /// order they were issued, and that is taken as the order in which they came to their ends.
    None,
}

impl Cache {
    fn is_volatile(&self) -> bool {
        *self == Cache::Volatile
    }
}

/// What a unit reads as that was being written when the power went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Torn {
    /// Its old or its new content.
    #[default]
    OldOrNew,
    /// Its old content, its new content, or neither.
    Garbage,
}

/// What a discarded range reads as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discard {
    /// What it held before.
    Old,
    /// Zeros.
    #[default]
    Zero,
    /// Neither.
    Garbage,
}

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not a profile in TOML.
    #[error("not a device profile: {0}")]
    Syntax(String),
    /// No profile of this name.
    #[error("there is no device profile '{name}'; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Two settings that contradict each other.
    #[error("profile '{name}': {why}")]
    Contradiction {
        /// The profile.
        name: String,
        /// What contradicts what.
        why: &'static str,
    },
}

const BUILT_IN: [&str; 26] = [
    include_str!("../profiles/reorder.toml"),
    include_str!("../profiles/prefix.toml"),
    include_str!("../profiles/torn.toml"),
    include_str!("../profiles/torn-4096.toml"),
    include_str!("../profiles/garbage.toml"),
    include_str!("../profiles/write-through.toml"),
    include_str!("../profiles/lying-flush.toml"),
    include_str!("../profiles/discard-old.toml"),
    include_str!("../profiles/discard-garbage.toml"),
    include_str!("../profiles/member-loss.toml"),
    include_str!("../profiles/member-loss-at-crash.toml"),
    include_str!("../profiles/sector-error.toml"),
    include_str!("../profiles/corrupt.toml"),
    include_str!("../profiles/lost-write.toml"),
    include_str!("../profiles/misdirected.toml"),
    include_str!("../profiles/misdirected-member.toml"),
    include_str!("../profiles/any-fault.toml"),
    include_str!("../profiles/flush-error.toml"),
    include_str!("../profiles/flash.toml"),
    include_str!("../profiles/read-disturb.toml"),
    include_str!("../profiles/cluster.toml"),
    include_str!("../profiles/posix.toml"),
    include_str!("../profiles/ext4.toml"),
    include_str!("../profiles/xfs.toml"),
    include_str!("../profiles/btrfs.toml"),
    include_str!("../profiles/fsync-error.toml"),
];

impl Profile {
    /// The profiles that come with crashcheck; the first is the default.
    pub fn built_in() -> Vec<Profile> {
        BUILT_IN.iter().map(|text| Profile::parse(text).expect("a built-in profile")).collect()
    }

    /// A profile that comes with crashcheck.
    ///
    /// # Errors
    /// If there is none of this name; says which there are.
    pub fn named(name: &str) -> Result<Profile, ProfileError> {
        let all = Profile::built_in();
        let known = all.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = ProfileError::Unknown { name: name.to_owned(), known };
        all.into_iter().find(|profile| profile.name == name).ok_or(unknown)
    }

    /// The profile for these devices, where none is asked for: `cluster` if they belong to the nodes of one, `flash` if
    /// one of them is a flash chip, `posix` if the first is a directory, otherwise the default.
    pub fn of(devices: &[Device]) -> Profile {
        let named = |name| Profile::named(name).expect("a built-in profile");
        match () {
            () if Device::nodes(devices) > 0 => named("cluster"),
            () if devices.iter().any(|device| device.chip().is_some()) => named("flash"),
            () if devices.first().is_some_and(Device::is_directory) => named("posix"),
            () => Profile::default(),
        }
    }

    /// Reads a profile. Names of those that come with crashcheck are taken: what was found under a profile is looked for by
    /// its name.
    ///
    /// # Errors
    /// Says what is wrong, and in which line.
    pub fn from_toml(text: &str) -> Result<Profile, ProfileError> {
        let profile = Profile::parse(text)?;
        let same = |known: &Profile| Profile { about: known.about.clone(), ..profile.clone() } == *known;
        match Profile::named(&profile.name) {
            Ok(known) if !same(&known) => {
                let why = "a profile of this name comes with crashcheck and says something else; choose another name";
                Err(ProfileError::Contradiction { name: profile.name, why })
            }
            _ => Ok(profile),
        }
    }

    fn parse(text: &str) -> Result<Profile, ProfileError> {
        let profile: Profile =
            toml::from_str(text).map_err(|error| ProfileError::Syntax(error.to_string()))?;
        let contradiction = |why| ProfileError::Contradiction { name: profile.name.clone(), why };
        if profile.cluster.is_some() && !profile.faults.is_none() {
            return Err(contradiction("[cluster] and [faults] cannot be had together"));
        }
        if profile.faults.most == 0 {
            return Err(contradiction(
                "most = 0 allows no fault at all: leave [faults] out, or say how many may happen together",
            ));
        }
        if !profile.files.is_posix() && profile.order == Order::Issued {
            return Err(contradiction(
                "[files] needs order = \"any\": under \"issued\" everything keeps its order",
            ));
        }
        if !profile.files.is_posix() && profile.faults.flush_error {
            return Err(contradiction("[files] and flush-error cannot be had together"));
        }
        if let Some(why) = profile.why_no_flush_fails() {
            return Err(contradiction(why));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if profile.name.is_empty() || !profile.name.chars().all(plain) {
            return Err(contradiction("a name has only letters, digits, '-' and '_'"));
        }
        Ok(profile)
    }

    /// What tells it from another profile of the same name: a hash of all that it allows, in eight hexadecimal digits.
    /// `None` for one that comes with crashcheck, of which there is one by that name.
    pub fn hash(&self) -> Option<String> {
        let is_built_in = Profile::named(&self.name).is_ok();
        let said = Profile { about: String::new(), ..self.clone() };
        let text = (!is_built_in).then(|| toml::to_string(&said).expect("a profile can be written as TOML"));
        text.map(|text| format!("{:08x}", crc32fast::hash(text.as_bytes())))
    }

    /// Its name as ids of crash states have it: one of the user's own with its hash, since the id says nothing of a crash state
    /// under another of that name.
    pub fn name_in_ids(&self) -> String {
        self.hash().map_or_else(|| self.name.clone(), |hash| format!("{}@{hash}", self.name))
    }

    /// What contradicts that a flush fails, if one may.
    fn why_no_flush_fails(&self) -> Option<&'static str> {
        match () {
            () if !self.faults.flush_error => None,
            () if !self.faults.has_none_but_flush_errors() => {
                Some("flush-error cannot be had together with other faults")
            }
            () if self.order == Order::Issued => Some(
                "flush-error needs order = \"any\": what a flush has not written is overtaken by what comes later",
            ),
            () if !self.is_honest() => Some("a flush that is ignored does not fail"),
            () if self.cache == Cache::None => {
                Some("without a volatile cache no flush has anything to fail with")
            }
            () => None,
        }
    }

    /// Whether the device keeps what it promises: a finding on one that does not is the device's.
    pub fn is_honest(&self) -> bool {
        self.flush == Honesty::Honest && self.fua == Honesty::Honest
    }
}

impl Default for Profile {
    fn default() -> Self {
        Profile::built_in().swap_remove(0)
    }
}
