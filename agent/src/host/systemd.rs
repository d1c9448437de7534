//! What systemd wants to hear: that the agent is ready, alive, stopping. Without systemd these do
//! nothing.

use sd_notify::NotifyState;

/// The agent serves and its first tick is done.
pub fn ready() {
    notify(NotifyState::Ready);
}

/// The loop still turns. Sent once a tick, so that systemd restarts an agent that hangs.
pub fn alive() {
    notify(NotifyState::Watchdog);
}

/// The agent is about to put the original limits back and end.
pub fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd could not be notified");
    }
}
