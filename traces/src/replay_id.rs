//! The id of a crash state.
use crate::EventId;
use std::{fmt, str::FromStr};
/// x
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayId {
    /// s
    pub system: String,
    /// b
    pub bugs: Vec<String>,
    /// w
    pub workload: String,
    /// p
    pub profile: String,
    /// e
    pub epoch: u32,
    /// p
    pub point: EventId,
    /// h
    pub trace_hash: u32,
    /// a
    pub answers: Vec<u8>,
}
impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a: Vec<String> = self.answers.iter().map(ToString::to_string).collect();
        let mut s = self.system.clone();
        for b in &self.bugs {
            s.push('+');
            s.push_str(b);
        }
        write!(
            f,
            "{s}:{}%{}/e{}/p{}/{:08x}/{}",
            self.workload,
            self.profile,
            self.epoch,
            self.point.0,
            self.trace_hash,
            a.join(".")
        )
    }
}
impl FromStr for ReplayId {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let p: Vec<&str> = s.split('/').collect();
        let [h, e, pt, hash, a] = p[..] else { return Err("x".into()) };
        let (sys, wl) = h.split_once(':').ok_or("x")?;
        let (w, pr) = wl.split_once('%').ok_or("x")?;
        let mut b = sys.split('+').map(str::to_owned);
        Ok(ReplayId {
            system: b.next().ok_or("x")?,
            bugs: b.collect(),
            workload: w.into(),
            profile: pr.into(),
            epoch: e[1..].parse().map_err(|_| "x")?,
            point: EventId(pt[1..].parse().map_err(|_| "x")?),
            trace_hash: u32::from_str_radix(hash, 16).map_err(|_| "x")?,
            answers: a
                .split('.')
                .filter(|x| !x.is_empty())
                .map(|x| x.parse().map_err(|_| "x".to_owned()))
                .collect::<Result<_, _>>()?,
        })
    }
}
