//! One line of the journal: its text form, its checksum, and what a valid one may say. Pure.
//!
//! A line is `CRC32 kind boot inode file path text`, separated by tabs and ended by a newline; the
//! checksum covers all after the first tab. Tabs, newlines and backslashes inside are escaped. A unit of
//! systemd that has properties of ours is `CRC32 unit boot inode name path values bare asked`, where what was
//! asked for is a list with semicolons.

use llmos_systemd::{Asked, Original as UnitValues, Properties, UnitName};

/// Version of the format, in the first line. Version 1 had no units, version 2 not what was asked for.
pub(super) const VERSION: u32 = 3;
const HEADER: &str = "llmos-journal";
/// Between the calls that a unit's record names.
const ASKED_GAP: &str = ";";

/// The files that may be restored. A journal that names another file is not believed.
const FILES: [&str; 5] = [
    "cpu.max",
    "cpu.max.burst",
    "cpu.weight",
    "memory.high",
    "memory.max",
];

/// A file of a cgroup, as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) inode: u64,
    pub(super) file: String,
}

/// What a file held before LLMOS first wrote to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) boot: String,
    pub(super) path: String,
    pub(super) text: String,
}

/// A unit of systemd that has, or is about to get, properties of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitOriginal {
    pub(super) boot: String,
    pub(super) inode: u64,
    pub(super) path: String,
    /// What it had before.
    pub original: UnitValues,
    /// What systemd was asked for in the last calls, the newest last; none where an older LLMOS noted it,
    /// which did not say.
    pub(super) asked: Option<Asked>,
}

impl UnitOriginal {
    /// Path of its cgroup below the root, as it was when this was noted.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// The first line.
    Header { version: u32 },
    /// Remember this original. A later one for the same file replaces it.
    Original(Key, Original),
    /// The file needs no restoring any more.
    Done(Key),
    /// Remember what this unit was. A later one for the same unit replaces it.
    Unit(UnitName, UnitOriginal),
    /// The unit has nothing of ours any more.
    UnitDone(UnitName),
}

impl Record {
    /// The line, with its newline.
    pub(super) fn encode(&self) -> String {
        let body = match self {
            Self::Header { version } => format!("{HEADER}\t{version}"),
            Self::Original(key, original) => format!(
                "original\t{}\t{}\t{}\t{}\t{}",
                escape(&original.boot),
                key.inode,
                escape(&key.file),
                escape(&original.path),
                escape(&original.text),
            ),
            Self::Done(key) => format!("done\t{}\t{}", key.inode, escape(&key.file)),
            Self::Unit(name, unit) => {
                let (values, bare) = unit.original.to_texts();
                let known = format!(
                    "unit\t{}\t{}\t{}\t{}\t{values}\t{bare}",
                    escape(&unit.boot),
                    unit.inode,
                    escape(name.as_str()),
                    escape(&unit.path),
                );
                match &unit.asked {
                    Some(asked) => {
                        let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
                        format!("{known}\t{}", asked.join(ASKED_GAP))
                    }
                    None => known,
                }
            }
            Self::UnitDone(name) => format!("unit-done\t{}", escape(name.as_str())),
        };
        seal(&body)
    }

    /// The record of a line without its newline, or what is wrong with it.
    pub(super) fn decode(line: &[u8]) -> Result<Self, &'static str> {
        let words: Vec<&str> = unseal(line)?.split('\t').collect();
        match words[..] {
            [HEADER, version] => version
                .parse()
                .map(|version| Self::Header { version })
                .map_err(|_| "bad version"),
            ["original", boot, inode, file, path, text] => {
                let original = Original {
                    boot: unescape(boot)?,
                    path: safe_path(unescape(path)?)?,
                    text: unescape(text)?,
                };
                Ok(Self::Original(key(inode, file)?, original))
            }
            ["done", inode, file] => Ok(Self::Done(key(inode, file)?)),
            ["unit", boot, inode, name, path, values, bare, ref rest @ ..] if rest.len() <= 1 => {
                let asked = rest.first().map(|asked| {
                    let asked = asked.split(ASKED_GAP).filter(|one| !one.is_empty());
                    asked.map(Properties::parse).collect()
                });
                let unit = UnitOriginal {
                    boot: unescape(boot)?,
                    inode: inode.parse().map_err(|_| "bad inode")?,
                    path: safe_path(unescape(path)?)?,
                    original: UnitValues::parse(values, bare)?,
                    asked: asked.transpose()?,
                };
                Ok(Self::Unit(unit_name(name)?, unit))
            }
            ["unit-done", name] => Ok(Self::UnitDone(unit_name(name)?)),
            _ => Err("unknown kind of record"),
        }
    }
}

/// A line with its checksum and its newline.
pub(super) fn seal(body: &str) -> String {
    format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()))
}

/// What is in a line without its newline, if its checksum is right.
pub(super) fn unseal(line: &[u8]) -> Result<&str, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let (crc, body) = line.split_once('\t').ok_or("no checksum")?;
    if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
        return Err("wrong checksum");
    }
    Ok(body)
}

fn key(inode: &str, file: &str) -> Result<Key, &'static str> {
    let inode = inode.parse().map_err(|_| "bad inode")?;
    let file = unescape(file)?;
    if !FILES.contains(&file.as_str()) {
        return Err("a file that is never written");
    }
    Ok(Key { inode, file })
}

fn unit_name(text: &str) -> Result<UnitName, &'static str> {
    UnitName::parse(&unescape(text)?).ok_or("no unit")
}

/// A path that stays below the root.
fn safe_path(path: String) -> Result<String, &'static str> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err("a path outside the hierarchy");
    }
    Ok(path)
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('\\') => '\\',
                Some('t') => '\t',
                Some('n') => '\n',
                _ => return Err("bad escape"),
            },
            other => other,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> Record {
        Record::Original(
            Key {
                inode: 42,
                file: "cpu.max".into(),
            },
            Original {
                boot: "b".into(),
                path: "a.slice/odd\\x2d\tname\n".into(),
                text: "max 100000\n".into(),
            },
        )
    }

    #[test]
    fn records_survive_the_trip() {
        let done = Record::Done(Key {
            inode: 42,
            file: "memory.max".into(),
        });
        let name = UnitName::parse("odd\\x2dname.service").unwrap();
        let unit = |asked| {
            let original = UnitValues::parse("CPUWeight=7 MemoryMax=unset", "MemoryMax");
            let unit = UnitOriginal {
                boot: "b".into(),
                inode: 42,
                path: "a.slice/odd\\x2dname.service".into(),
                original: original.unwrap(),
                asked,
            };
            Record::Unit(name.clone(), unit)
        };
        let asked = ["CPUWeight=8 MemoryMax=5", "CPUWeight=9 MemoryMax=unset"];
        let asked = asked
            .map(|one| Properties::parse(one).unwrap())
            .into_iter()
            .collect();
        let units = [None, Some(Asked::default()), Some(asked)].map(unit);
        let header = Record::Header { version: VERSION };
        let others = [original(), done, header, Record::UnitDone(name.clone())];
        for record in others.into_iter().chain(units) {
            let line = record.encode();
            assert_eq!(line.matches('\n').count(), 1, "one line each");
            assert_eq!(
                Record::decode(line.trim_end_matches('\n').as_bytes()),
                Ok(record)
            );
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let line = original().encode();
        let line = line.trim_end_matches('\n').as_bytes();
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut bad = line.to_vec();
                bad[at] ^= 1 << bit;
                assert!(Record::decode(&bad).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn dangerous_records_are_refused() {
        let with = |file: &str, path: &str| {
            let body = format!("original\tb\t1\t{file}\t{path}\tmax");
            let line = format!("{:08x}\t{body}", crc32fast::hash(body.as_bytes()));
            Record::decode(line.as_bytes())
        };
        assert!(with("cpu.max", "a/b").is_ok());
        assert_eq!(
            with("cgroup.procs", "a"),
            Err("a file that is never written")
        );
        assert_eq!(
            with("cpu.max", "a/../../etc"),
            Err("a path outside the hierarchy")
        );
        assert_eq!(with("cpu.max", "/etc"), Err("a path outside the hierarchy"));
        let unit = |name: &str, values: &str| {
            let body = format!("unit\tb\t1\t{name}\ta\t{values}\t");
            let line = format!("{:08x}\t{body}", crc32fast::hash(body.as_bytes()));
            Record::decode(line.as_bytes())
        };
        assert!(unit("a.service", "MemoryMax=1").is_ok());
        assert_eq!(unit("../a.service", "MemoryMax=1"), Err("no unit"));
        assert_eq!(
            unit("a.service", "ExecStart=1"),
            Err("a property that is never set")
        );
    }
}
