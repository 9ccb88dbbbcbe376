//! Commands that recover a recorded trace, and what they may do to the machine beside that.

use crashcheck::outcome::{Exploration, Step, Verdict};
use crashcheck::trace::{Event, Label, Trace};
use crashcheck::{
    Bytes, CommandError, Commands, Device, DeviceId, Limits, Options, Profile, Shrink, explore_trace,
};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn write(at: Bytes) -> Event {
    Event::Write { device: DeviceId(0), at, data: vec![7; 512].into(), fua: None, label: None }
}

/// A recovery that changes nothing.
const NOTHING: &str = "true {image}";

/// Two writes to a device of this length, the second at its end.
fn recorded(len: Bytes) -> Trace {
    let flush = || Event::flush(DeviceId(0));
    let events = vec![write(Bytes(0)), flush(), write(len - Bytes(512)), flush()];
    Trace { devices: vec![Device::zeroed("disk", Bytes(512), len)], events }
}

fn run(trace: Trace, recover: &str, check: &str, options: &Options) -> Result<Exploration, CommandError> {
    let (recover, checks) = (recover.to_owned(), vec![check.to_owned()]);
    let commands = Commands { recover, checks, timeout: Duration::from_secs(30), from: 0, folder: None };
    explore_trace(trace, "two.crash", &commands, options, &AtomicBool::new(false), &mut |_| ())
}

fn explored(recover: &str, check: &str) -> Exploration {
    let options = Options { explain: false, ..Options::default() };
    run(recorded(Bytes(4096)), recover, check, &options).expect("commands that run")
}

/// Recovery that does this to its image where the first write survived and the second did not.
fn between(what: &str) -> String {
    let is = |at: &str| format!("\"$(od -An -tu1 -j{at} -N1 $0 | tr -d \" \")\" = 7");
    format!("sh -c 'if [ {} ] && ! [ {} ]; then {what}; fi' {{image}}", is("0"), is("4095"))
}

#[test]
fn what_recovery_does_to_its_image_is_told() {
    for (what, words) in [
        ("rm $0", "recovery deleted the image"),
        ("rm $0; ln -s /dev/null $0", "recovery turned the image into a symbolic link"),
        ("rm $0; mkfifo $0", "recovery turned the image into a named pipe"),
        ("rm $0; mkdir $0", "recovery turned the image into a directory"),
        ("cp $0 $0.new; mv $0.new $0", "recovery put another file in the place of the image"),
        ("truncate -s 1024 $0", "recovery shrank the image from 4 KiB to 1 KiB"),
        ("truncate -s 1T $0", "recovery grew the image from 4 KiB to 1 TiB"),
    ] {
        let exploration = explored(&between(what), "true");
        assert_eq!(exploration.verdict, Verdict::Lost, "{what}");
        let [finding] = &exploration.findings[..] else { panic!("{what}: {:#?}", exploration.findings) };
        assert_eq!(finding.promise, "recovers", "{what}");
        assert!(finding.detail.starts_with(words), "{what}: {}", finding.detail);
    }
}

#[test]
fn an_image_of_terabytes_with_a_hole_is_as_fast_as_what_it_holds() {
    let options = Options { explain: false, ..Options::default() };
    let exploration = run(recorded(Bytes(1 << 43)), NOTHING, "test -s {image}", &options).expect("it runs");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    assert!(exploration.coverage.complete);
}

/// The file that recovery leaves has data where the base has none, and holes where the base has data.
#[test]
fn what_recovery_puts_into_holes_and_takes_out_of_data_is_seen_by_the_check() {
    let mut trace = recorded(Bytes(1 << 20));
    trace.devices[0].base.write(Bytes(65536), &[9; 4096]);
    let recover = "sh -c 'fallocate -p -o 65536 -l 4096 $0; printf x | dd of=$0 bs=1 seek=524288 conv=notrunc 2>/dev/null' {image}";
    let check = "sh -c '[ \"$(od -An -c -j524288 -N1 $0 | tr -d \" \")\" = x ] && \
        [ \"$(tail -c +65537 $0 | head -c 4096 | tr -d \"\\0\" | wc -c)\" -eq 0 ]' {image}";
    let options = Options { explain: false, ..Options::default() };
    let exploration = run(trace, recover, check, &options).expect("it runs");
    assert_eq!(
        exploration.verdict,
        Verdict::Survived,
        "{:#?} {:?}",
        exploration.findings,
        exploration.reason
    );
}

#[test]
fn the_time_of_a_command_is_its_own() {
    let limits = Limits { time: Duration::from_millis(100), ..Limits::default() };
    let options = Options { limits, explain: false, ..Options::default() };
    let exploration =
        run(recorded(Bytes(4096)), "sh -c 'sleep 0.5' {image}", "true", &options).expect("it runs");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
}

#[test]
fn what_a_command_leaves_running_dies_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = folder.path().join("late");
    let recover = format!("sh -c '(sleep 0.3; touch {}) &' {{image}}", late.display());
    let exploration = explored(&recover, "true");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    std::thread::sleep(Duration::from_millis(600));
    assert!(!Path::new(&late).exists(), "something of recovery went on after it had ended");
}

#[test]
fn a_recovery_that_takes_too_long_dies_with_all_that_it_has_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = folder.path().join("late");
    let recover = between(&format!("(sleep 2; touch {}) & sleep 60", late.display()));
    let commands = Commands {
        recover,
        checks: vec!["true".to_owned()],
        timeout: Duration::from_secs(1),
        from: 0,
        folder: None,
    };
    let options = Options { explain: false, ..Options::default() };
    let stop = AtomicBool::new(false);
    let exploration =
        explore_trace(recorded(Bytes(4096)), "two.crash", &commands, &options, &stop, &mut |_| ());
    let exploration = exploration.expect("commands that run");
    assert_eq!(exploration.verdict, Verdict::Lost);
    assert!(exploration.findings[0].detail.contains("did not end within 1 s"), "{}", exploration.findings[0]);
    std::thread::sleep(Duration::from_secs(2));
    assert!(!Path::new(&late).exists(), "something of recovery went on after it was ended");
}

#[test]
fn what_fails_before_the_first_event_is_no_crash() {
    let exploration =
        explored(NOTHING, "sh -c 'test \"$(head -c 1 $0 | od -An -tu1 | tr -d \" \")\" = 7' {image}");
    assert_eq!(exploration.verdict, Verdict::Broken);
    let reason = exploration.reason.expect("a reason");
    for part in ["before the first event", "--base", "--from-mark"] {
        assert!(reason.contains(part), "no '{part}' in: {reason}");
    }
    assert!(exploration.findings.is_empty());
}

#[test]
fn what_fails_at_the_end_where_nothing_is_lost_is_no_crash() {
    let exploration =
        explored(NOTHING, "sh -c 'test \"$(tail -c 1 $0 | od -An -tu1 | tr -d \" \")\" != 7' {image}");
    assert_eq!(exploration.verdict, Verdict::Broken);
    let reason = exploration.reason.expect("a reason");
    assert!(reason.contains("at the end of the recording"), "{reason}");
}

/// What a machine cannot do says nothing about what is under test.
#[test]
fn where_no_image_can_be_written_any_more_there_is_an_error_and_no_finding() {
    let recover = between("rm -r \"$(dirname \"$(dirname $0)\")\"");
    let options = Options { explain: false, ..Options::default() };
    let error = run(recorded(Bytes(4096)), &recover, "true", &options).expect_err("there is no place");
    assert!(matches!(error, CommandError::Images(_)), "{error}");
}

/// Noise, then a page and what says that it is there, without a flush between them.
fn page_and_meta(noise: u64) -> Trace {
    let labelled = |at, label: &str| match write(at) {
        Event::Write { device, at, data, fua, .. } => {
            Event::Write { device, at, data, fua, label: Some(Label::from(label)) }
        }
        other => other,
    };
    let mut trace = recorded(Bytes(1 << 16));
    trace.events = (0..noise).map(|nth| labelled(Bytes(8192 + 512 * nth), "noise")).collect();
    trace.events.extend([labelled(Bytes(0), "page"), labelled(Bytes(512), "meta")]);
    trace
}

const META_NEEDS_PAGE: &str = "sh -c 'byte() { od -An -tu1 -j$1 -N1 $2 | tr -d \" \"; }; \
    [ \"$(byte 512 $0)\" != 7 ] || [ \"$(byte 0 $0)\" = 7 ]' {image}";

#[test]
fn events_keep_the_numbers_of_the_file_when_a_trace_is_made_small() {
    let options = Options { shrink: Some(Shrink::default()), ..Options::default() };
    let exploration = run(page_and_meta(3), NOTHING, META_NEEDS_PAGE, &options).expect("it runs");
    let finding = exploration.findings.first().expect("the page may be lost");
    assert_eq!(finding.shrunk.as_ref().expect("shrunk").events, 2, "{finding:#?}");
    let order = &finding.cause.as_ref().expect("a cause").missing[0];
    assert_eq!((order.before.event, order.after.event), (3, 4));
    assert_eq!((finding.writes[0].event, finding.writes.len()), (3, 1));
    assert!(finding.crash_point.starts_with("after #4 meta"), "{}", finding.crash_point);
    assert!(finding.state.contains("#3 (page"), "{}", finding.state);
    let picture = finding.picture.as_ref().expect("a picture");
    let events = picture.steps.iter().filter_map(|step| match step {
        Step::Event(event) => Some(event.event),
        Step::Gap(_) => None,
    });
    assert_eq!((events.collect::<Vec<_>>(), picture.crash), (vec![3, 4], 5));
}

#[test]
fn what_comes_before_the_power_may_fail_is_durable_and_keeps_its_numbers() {
    let mut trace = page_and_meta(0);
    trace.events.splice(0..0, [write(Bytes(1024)), write(Bytes(1536))]);
    let made = "sh -c '[ \"$(od -An -tu1 -j1536 -N1 $0 | tr -d \" \")\" = 7 ]' {image}";
    let explored = |from: usize| {
        let (recover, timeout) = (NOTHING.to_owned(), Duration::from_secs(30));
        let checks = vec![made.to_owned(), META_NEEDS_PAGE.to_owned()];
        let (commands, options) =
            (Commands { recover, checks, timeout, from, folder: None }, Options::default());
        let stop = AtomicBool::new(false);
        explore_trace(trace.clone(), "made.crash", &commands, &options, &stop, &mut |_| ()).expect("it runs")
    };
    assert_eq!(explored(0).verdict, Verdict::Broken, "nothing is made yet before the first event");
    let exploration = explored(2);
    let [finding] = &exploration.findings[..] else { panic!("{:#?}", exploration.findings) };
    let order = &finding.cause.as_ref().expect("a cause").missing[0];
    assert_eq!((order.before.event, order.after.event), (2, 3));
    assert_eq!(exploration.coverage.total, "4");
}

#[test]
fn a_torn_write_is_told_by_its_bytes() {
    let mut trace = recorded(Bytes(4096));
    trace.events = vec![Event::Write {
        device: DeviceId(0),
        at: Bytes(1024),
        data: vec![7; 1536].into(),
        fua: None,
        label: None,
    }];
    let check = "sh -c 'byte() { od -An -tu1 -j$1 -N1 $2 | tr -d \" \"; }; \
        [ \"$(byte 1024 $0)$(byte 1536 $0)$(byte 2048 $0)\" != 770 ]' {image}";
    let profile = Profile::named("torn").expect("a built-in profile");
    let exploration =
        run(trace, NOTHING, check, &Options { profile, ..Options::default() }).expect("it runs");
    let finding = exploration.findings.first().expect("it may tear there");
    let torn = "torn: bytes 0 to 1023 survived, 1024 to 1535 lost";
    assert_eq!(finding.writes[0].fate, torn);
    assert!(finding.state.ends_with(torn), "{}", finding.state);
}

/// A device without a volatile cache loses at most what was being written.
#[test]
fn without_a_volatile_cache_only_the_last_write_is_in_flight() {
    let profile = Profile::named("write-through").expect("a built-in profile");
    let options = Options { profile, ..Options::default() };
    let exploration = run(page_and_meta(3), NOTHING, META_NEEDS_PAGE, &options).expect("it runs");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    assert_eq!(exploration.coverage.total, "6");
}

/// A command that never sees the image would be given the same in every crash state.
#[test]
fn a_command_is_told_where_the_images_are() {
    let options = Options { explain: false, ..Options::default() };
    let mut two = recorded(Bytes(4096));
    two.devices.push(Device::zeroed("log", Bytes(512), Bytes(4096)));
    let refused = |trace: &Trace, recover: &str, check: &str| {
        run(trace.clone(), recover, check, &options).expect_err("it stands for nothing").to_string()
    };
    let one = recorded(Bytes(4096));
    let why = refused(&one, "fsck -y disk.img", "true");
    assert!(why.contains("is not told what to recover; {image} stands for the path"), "{why}");
    for (recover, check) in [("fsck {img}", "true"), (NOTHING, "test -s {disk}"), (NOTHING, "true {image1}")]
    {
        let why = refused(&one, recover, check);
        assert!(why.contains("} stands for nothing; {image} stands for the path"), "{why}");
    }
    let why = refused(&two, "fsck {image0} {image2}", "true");
    assert!(why.contains("{image2} stands for nothing; {image0} to {image1} stand for"), "{why}");
    let (recover, check) =
        ("sh -c '{ test -s $0 && test -s $1; }' {image0} {image1}", "awk \"{ X = ${HOME}{} }\"");
    let check = check.replace("awk", "true");
    assert!(run(two, recover, &check, &options).is_ok());
}

/// Six writes in flight have 64 crash states, and the first states of a walk are planned together.
#[test]
fn who_is_interrupted_begins_no_other_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let recover = format!("sh -c 'echo {{image}} >> {}; sleep 0.5'", seen.display());
    let (checks, timeout) = (Vec::new(), Duration::from_secs(30));
    let commands = Commands { recover, checks, timeout, from: 0, folder: None };
    let events = (0..6).map(|nth| write(Bytes(512 * nth))).collect();
    let trace = Trace { devices: vec![Device::zeroed("disk", Bytes(512), Bytes(4096))], events };
    let options = Options { explain: false, jobs: 1, ..Options::default() };
    let recoveries = || std::fs::read_to_string(&seen).unwrap_or_default().lines().count();
    let stop = AtomicBool::new(false);
    let exploration = std::thread::scope(|scope| {
        // Before the walk one recovery comes at each end of the trace, and then one at each end of the tree. Twelve are planned next.
        scope.spawn(|| {
            while recoveries() < 5 {
                std::thread::sleep(Duration::from_millis(5));
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        explore_trace(trace, "six.crash", &commands, &options, &stop, &mut |_| ())
    });
    let coverage = exploration.expect("commands that run").coverage;
    assert!(recoveries() < 8, "{} recoveries", recoveries());
    assert_eq!(coverage.left_out.as_deref(), Some("it was interrupted"));
    assert!(!coverage.complete && coverage.recoveries > 0);
}
