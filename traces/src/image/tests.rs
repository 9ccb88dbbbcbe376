//! Images against a plain array of bytes.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Zero(u64, u64),
    Resize(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..20_000, prop::collection::vec(0u8..3, 0..6000)).prop_map(|(at, data)| Step::Write(at, data)),
        (0u64..20_000, 0u64..9000).prop_map(|(at, len)| Step::Zero(at, len)),
        (0u64..20_000).prop_map(Step::Resize),
    ]
}

/// Does the same to an image and to plain bytes, as far as the step fits.
fn apply(step: &Step, image: &mut Image, plain: &mut Vec<u8>) {
    match step {
        Step::Write(at, data) if *at as usize + data.len() <= plain.len() => {
            image.write(Bytes(*at), data);
            plain[*at as usize..*at as usize + data.len()].copy_from_slice(data);
        }
        Step::Zero(at, len) if (at + len) as usize <= plain.len() => {
            image.zero(Bytes(*at), Bytes(*len));
            plain[*at as usize..(at + len) as usize].fill(0);
        }
        Step::Resize(len) => {
            image.resize(Bytes(*len));
            plain.resize(*len as usize, 0);
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn an_image_is_a_sparse_vec(steps in prop::collection::vec(any_step(), 0..20)) {
        let (mut image, mut plain) = (Image::zeroed(Bytes(16_000)), vec![0; 16_000]);
        for step in &steps {
            apply(step, &mut image, &mut plain);
            prop_assert_eq!(image.to_vec(), plain.as_slice());
            prop_assert_eq!(&image, &Image::from_bytes(&plain));
        }
    }

    #[test]
    fn a_clone_keeps_what_it_held(before in any_step(), after in prop::collection::vec(any_step(), 0..9)) {
        let (mut image, mut plain) = (Image::zeroed(Bytes(16_000)), vec![0; 16_000]);
        apply(&before, &mut image, &mut plain);
        let (copy, held) = (image.clone(), plain.clone());
        after.iter().for_each(|step| apply(step, &mut image, &mut plain));
        prop_assert_eq!(copy.to_vec(), held);
    }
}

#[test]
fn zeros_take_no_page() {
    let mut image = Image::zeroed(Bytes(1 << 40));
    image.write(Bytes(1 << 39), &[0; 10_000]);
    assert!(image.pages.is_empty());
    image.write(Bytes(5000), &[1]);
    image.zero(Bytes(4096), Bytes(4096));
    assert!(image.pages.is_empty());
}

#[test]
fn a_clone_shares_its_pages_until_one_side_writes() {
    let image = Image::from_bytes(&[1; 8192]);
    let mut copy = image.clone();
    copy.write(Bytes(0), &[2]);
    assert!(!Arc::ptr_eq(&image.pages[&0], &copy.pages[&0]));
    assert!(Arc::ptr_eq(&image.pages[&1], &copy.pages[&1]));
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    let mut image = Image::from_bytes(&[1; 5000]);
    image.resize(Bytes(4100));
    image.resize(Bytes(5000));
    assert_eq!(image.to_vec(), [vec![1; 4100], vec![0; 900]].concat());
}

#[test]
fn the_last_page_is_as_long_as_the_image() {
    let image = Image::from_bytes(&[3; 4100]);
    let lens: Vec<_> = image.pages().map(|(at, page)| (at.0, page.len())).collect();
    assert_eq!(lens, [(0, 4096), (4096, 4)]);
}

#[test]
#[should_panic(expected = "end beyond an image")]
fn a_read_beyond_the_end_is_a_mistake_of_the_caller() {
    Image::zeroed(Bytes(10)).read(Bytes(8), &mut [0; 3]);
}

#[test]
fn a_file_holds_what_the_image_holds_and_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("disk.img");
    let mut image = Image::zeroed(Bytes(10_000));
    image.write(Bytes(9_998), b"ab");
    image.write_new(&path).expect("a new file");
    assert_eq!(std::fs::read(&path).expect("a file"), image.to_vec());
    let again = Image::zeroed(Bytes(1)).write_new(&path).expect_err("it is there already");
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).expect("a file"), image.to_vec());
}
