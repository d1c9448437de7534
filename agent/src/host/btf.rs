//! Offsets of struct members and shapes of tracepoints, from the running kernel's own BTF.
//!
//! rustc emits no CO-RE relocations, so the kernel side gets its offsets from here. The format is
//! that of the kernel's `Documentation/bpf/btf.rst`; only what is asked for is decoded.

use bytes::Buf;

/// Where the kernel shows its types.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const KIND_INT: u8 = 1;
const KIND_PTR: u8 = 2;
const KIND_ARRAY: u8 = 3;
const KIND_STRUCT: u8 = 4;
const KIND_UNION: u8 = 5;
const KIND_ENUM: u8 = 6;
const KIND_TYPEDEF: u8 = 8;
const KIND_FUNC: u8 = 12;
const KIND_FUNC_PROTO: u8 = 13;
const KIND_VAR: u8 = 14;
const KIND_DATASEC: u8 = 15;
const KIND_DECL_TAG: u8 = 17;
const KIND_ENUM64: u8 = 19;

/// Why the types could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel shows no types.
    #[error("{VMLINUX} cannot be read: {0}; the kernel must be built with CONFIG_DEBUG_INFO_BTF")]
    Unreadable(#[from] std::io::Error),
    /// Not the format that was expected.
    #[error("the kernel's type information is malformed: {0}")]
    Malformed(&'static str),
    /// The kernel has no such member.
    #[error("this kernel has no member {strukt}.{member}")]
    NoMember {
        /// Struct asked for.
        strukt: &'static str,
        /// Member asked for.
        member: &'static str,
    },
    /// The kernel has no such name in an enumeration.
    #[error("this kernel has no {name} in enum {enumeration}")]
    NoName {
        /// Enumeration asked for.
        enumeration: &'static str,
        /// Name asked for.
        name: &'static str,
    },
}

/// One decoded type: its kind, its name and where its members lie.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u8,
    kind_flag: bool,
    /// Count of members or parameters.
    vlen: u16,
    /// Size or the type referred to.
    size_or_type: u32,
    /// Start of the members in the type section.
    members: usize,
}

/// The kernel's types, parsed once at start and then dropped: they weigh several MiB.
#[derive(Debug)]
pub struct KernelTypes {
    types: Vec<Type>,
    type_section: Vec<u8>,
    strings: Vec<u8>,
}

impl KernelTypes {
    /// Reads the running kernel's types.
    ///
    /// # Errors
    /// When the file is missing or malformed.
    pub fn of_running_kernel() -> Result<Self, BtfError> {
        Self::parse(&std::fs::read(VMLINUX)?)
    }

    /// Parses raw BTF.
    ///
    /// # Errors
    /// When the bytes are not BTF in this machine's byte order.
    pub fn parse(raw: &[u8]) -> Result<Self, BtfError> {
        const SHORT: BtfError = BtfError::Malformed("it ends too early");
        let mut header = raw;
        if header.remaining() < 24 {
            return Err(SHORT);
        }
        if header.get_u16_ne() != MAGIC {
            return Err(BtfError::Malformed("its magic number is not BTF's"));
        }
        header.advance(2);
        let header_len = header.get_u32_ne() as usize;
        let section = |offset: u32, len: u32| {
            let start = header_len.checked_add(offset as usize)?;
            raw.get(start..start.checked_add(len as usize)?)
        };
        let (type_off, type_len) = (header.get_u32_ne(), header.get_u32_ne());
        let (str_off, str_len) = (header.get_u32_ne(), header.get_u32_ne());
        let type_section = section(type_off, type_len).ok_or(SHORT)?.to_vec();
        let strings = section(str_off, str_len).ok_or(SHORT)?.to_vec();
        let types = index(&type_section)?;
        Ok(Self {
            types,
            type_section,
            strings,
        })
    }

    /// Offset of a member in bytes, also inside anonymous structs and unions.
    ///
    /// # Errors
    /// When this kernel has no such member, or it is a bit field.
    pub fn offset(&self, strukt: &'static str, member: &'static str) -> Result<u32, BtfError> {
        self.types
            .iter()
            .filter(|t| t.kind == KIND_STRUCT && self.name(t.name) == strukt.as_bytes())
            .find_map(|t| self.member_bits(t, member.as_bytes(), 0))
            .filter(|bits| bits % 8 == 0)
            .map(|bits| bits / 8)
            .ok_or(BtfError::NoMember { strukt, member })
    }

    /// Does the tracepoint exist, and is its first argument a pointer? `None` when there is no
    /// such tracepoint. The kernel describes each one by a typedef `btf_trace_NAME` of a pointer
    /// to a function whose first parameter is private to the kernel.
    #[must_use]
    pub fn tracepoint_takes_pointer(&self, name: &str) -> Option<bool> {
        let typedef = format!("btf_trace_{name}");
        let entry = self
            .types
            .iter()
            .find(|t| t.kind == KIND_TYPEDEF && self.name(t.name) == typedef.as_bytes())?;
        let pointer = self.by_id(entry.size_or_type)?;
        let proto = self.by_id(pointer.size_or_type)?;
        if proto.kind != KIND_FUNC_PROTO || proto.vlen < 2 {
            return None;
        }
        let mut parameter = self
            .type_section
            .get(proto.members + 8..proto.members + 16)?;
        parameter.advance(4);
        Some(self.by_id(parameter.get_u32_ne())?.kind == KIND_PTR)
    }

    /// Value of a name in an enumeration.
    ///
    /// # Errors
    /// When this kernel has no such name there, or its value is negative.
    pub fn enumerator(
        &self,
        enumeration: &'static str,
        name: &'static str,
    ) -> Result<u32, BtfError> {
        self.types
            .iter()
            .filter(|t| t.kind == KIND_ENUM && self.name(t.name) == enumeration.as_bytes())
            .find_map(|t| self.value_of(t, name.as_bytes()))
            .ok_or(BtfError::NoName { enumeration, name })
    }

    /// Has the kernel a function of this name that programs can be attached to?
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.types
            .iter()
            .any(|t| t.kind == KIND_FUNC && self.name(t.name) == name.as_bytes())
    }

    fn value_of(&self, enumeration: &Type, wanted: &[u8]) -> Option<u32> {
        (0..usize::from(enumeration.vlen)).find_map(|i| {
            let at = enumeration.members + i * 8;
            let mut raw = self.type_section.get(at..at + 8)?;
            let (name, value) = (raw.get_u32_ne(), raw.get_i32_ne());
            (self.name(name) == wanted).then(|| u32::try_from(value).ok())?
        })
    }

    fn by_id(&self, id: u32) -> Option<&Type> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    fn name(&self, offset: u32) -> &[u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        rest.split(|b| *b == 0).next().unwrap_or_default()
    }

    fn member_bits(&self, strukt: &Type, wanted: &[u8], base: u32) -> Option<u32> {
        for i in 0..usize::from(strukt.vlen) {
            let at = strukt.members + i * 12;
            let mut raw = self.type_section.get(at..at + 12)?;
            let (name, id, offset) = (raw.get_u32_ne(), raw.get_u32_ne(), raw.get_u32_ne());
            // With the kind flag set the upper byte is the width of a bit field.
            let bits = base
                + if strukt.kind_flag {
                    offset & 0x00ff_ffff
                } else {
                    offset
                };
            if name != 0 && self.name(name) == wanted {
                return Some(bits);
            }
            if name == 0
                && let Some(inner) = self.by_id(id)
                && matches!(inner.kind, KIND_STRUCT | KIND_UNION)
                && let Some(found) = self.member_bits(inner, wanted, bits)
            {
                return Some(found);
            }
        }
        None
    }
}

/// Walks the type section once and notes where each type's members lie.
fn index(section: &[u8]) -> Result<Vec<Type>, BtfError> {
    let mut types = Vec::with_capacity(section.len() / 20);
    let mut at = 0;
    while at < section.len() {
        let mut raw = section
            .get(at..at + 12)
            .ok_or(BtfError::Malformed("a type is cut off"))?;
        let (name, info, size_or_type) = (raw.get_u32_ne(), raw.get_u32_ne(), raw.get_u32_ne());
        let kind = ((info >> 24) & 0x1f) as u8;
        let vlen = (info & 0xffff) as u16;
        let members = at + 12;
        let body = match kind {
            KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
            KIND_ARRAY => 12,
            KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * usize::from(vlen),
            KIND_ENUM | KIND_FUNC_PROTO => 8 * usize::from(vlen),
            // Pointers, typedefs, forward declarations, qualifiers, functions, floats, type tags.
            2 | 7..=12 | 16 | 18 => 0,
            _ => {
                return Err(BtfError::Malformed(
                    "it holds a kind of type that is not known",
                ));
            }
        };
        types.push(Type {
            name,
            kind,
            kind_flag: info >> 31 == 1,
            vlen,
            size_or_type,
            members,
        });
        at = members + body;
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_in_the_running_kernel() {
        if !std::path::Path::new(VMLINUX).exists() {
            println!("not run: this kernel shows no BTF at {VMLINUX}");
            return;
        }
        let types = KernelTypes::of_running_kernel().unwrap();
        // `pid` and `tgid` are two ints side by side in every kernel since 2.6.
        let (pid, tgid) = (
            types.offset("task_struct", "pid").unwrap(),
            types.offset("task_struct", "tgid").unwrap(),
        );
        assert_eq!(tgid, pid + 4);
        assert!(types.offset("css_set", "dfl_cgrp").unwrap() > 0);
        assert_eq!(
            types.tracepoint_takes_pointer("sched_stat_runtime"),
            Some(true)
        );
        assert_eq!(types.tracepoint_takes_pointer("no_such_tracepoint"), None);
        // The first of its enumeration in every kernel with pressure accounting.
        assert_eq!(types.enumerator("psi_states", "PSI_IO_SOME").unwrap(), 0);
        assert!(matches!(
            types.enumerator("psi_states", "NO_SUCH_STATE"),
            Err(BtfError::NoName { .. })
        ));
        assert!(types.has_function("schedule") && !types.has_function("no_such_function"));
        assert!(matches!(
            types.offset("task_struct", "no_such_member"),
            Err(BtfError::NoMember { .. })
        ));
    }

    #[test]
    fn refuses_garbage_and_cut_files_without_a_panic() {
        assert!(KernelTypes::parse(b"").is_err());
        assert!(KernelTypes::parse(&[0; 64]).is_err());
        let mut header = Vec::new();
        header.extend_from_slice(&MAGIC.to_ne_bytes());
        header.extend_from_slice(&[1, 0]);
        for word in [24_u32, 0, 1000, 1000, 8] {
            header.extend_from_slice(&word.to_ne_bytes());
        }
        assert!(KernelTypes::parse(&header).is_err());
    }
}
