//! Members of kernel structs, by offsets that the agent found in the running kernel's BTF.

use core::mem::MaybeUninit;
use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

/// Declares offsets. They are zero here and set by the agent in the object file before it is
/// loaded, so that the verifier sees constants.
macro_rules! offsets {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            static $name: u32 = 0;
        )*
    };
}
pub(crate) use offsets;

/// The value of a constant that the agent has set before loading. Volatile, because the compiler
/// must not fold the zero that it sees here.
#[inline(always)]
pub fn constant<T: Copy>(of: &'static T) -> T {
    // SAFETY: a reference is valid to read.
    unsafe { read_volatile(of) }
}

/// Reads a pointer member; null stays null.
///
/// # Safety
/// `base` is a pointer that the verifier knows as one to a kernel struct; it then checks the
/// offset against that struct and makes the load safe against faults.
#[inline(always)]
pub unsafe fn pointer(base: *const u8, offset: u32) -> *const u8 {
    // SAFETY: as the caller promises; the verifier refuses the program otherwise.
    unsafe { read_volatile(base.add(offset as usize).cast::<*const u8>()) }
}

/// Reads an integer member of the verifier's choice of struct.
///
/// # Safety
/// As for [`pointer`].
#[inline(always)]
pub unsafe fn value<T>(base: *const u8, offset: u32) -> T {
    // SAFETY: as the caller promises; the verifier refuses the program otherwise.
    unsafe { read_volatile(base.add(offset as usize).cast::<T>()) }
}

/// Reads an integer behind a pointer whose type the verifier does not know, such as a struct
/// around the one that is known. A fault gives zero.
///
/// # Safety
/// Any address is safe: the helper checks it.
#[inline(always)]
pub unsafe fn probe<T: Default>(base: *const u8, offset: u32) -> T {
    let mut out = MaybeUninit::<T>::uninit();
    // SAFETY: the helper fills the whole of `out`, with zeros on a fault.
    unsafe {
        bpf_probe_read_kernel(
            out.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            base.add(offset as usize).cast(),
        );
        out.assume_init()
    }
}
