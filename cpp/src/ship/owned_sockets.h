// The sockets that this process opened to its destinations, so that a forked child can close its
// copies: while one is open, the other side never sees the end of a connection.
#pragma once

namespace forebay::ship {

// A process-wide table, without a lock: a child must be able to read it whatever the parent's
// threads were doing. A fork between two of its steps leaves a copy open; it never makes a child
// close what is not a copy. Beyond kMostOwnedSockets a socket is not remembered.
inline constexpr int kMostOwnedSockets = 256;

// After it was opened.
void remember_socket(int fd) noexcept;
// Before it is closed: from then on the number may be somebody else's.
void forget_socket(int fd) noexcept;
// In a forked child: closes what processes before this one had opened, where the number still
// belongs to that socket. Async-signal-safe.
void close_inherited_sockets() noexcept;

}  // namespace forebay::ship
