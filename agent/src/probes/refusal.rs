//! What the kernel says when it refuses a program, in one line.

/// The last words of a refusal: the verifier's log is long, and its end says why.
pub(super) fn refusal(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    if text.contains("Operation not permitted") || text.contains("os error 1)") {
        return if nix::unistd::geteuid().is_root() {
            "this kernel does not permit programs of this kind".into()
        } else {
            "not permitted: run as root or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN".into()
        };
    }
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let tail = lines.len().saturating_sub(4);
    lines.get(tail..).unwrap_or_default().join(" | ")
}

/// An error with its causes in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
