// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "agents/common/byte_stream.h"
#include "agents/common/clock.h"
#include "agents/common/key_schedule.h"

namespace starling {

// The stream ended without the other side's sealed goodbye: cut off, tampered with, or silent. What
// was read before is genuine, but more may have been on its way. (A plain StreamClosed is the end
// that the other side wished.)
struct StreamBroken : StreamClosed {
  using StreamClosed::StreamClosed;
};

// How long a handshake may take, and how long a peer may be silent that owes an acknowledgement
// (TCP_USER_TIMEOUT, tcp(7)). Without outstanding data keepalive probes find out: a peer that is
// gone is noticed a second later than with. A peer that lives but does not READ for this long while
// a full window waits for it counts as gone as well.
inline constexpr TimeNs kHandshakePatience = 5 * kSecond;
inline constexpr TimeNs kStreamPatience = 2 * kSecond;

// TLS 1.3 (RFC 8446) with an external pre-shared key and an ephemeral key exchange (psk_dhe_ke):
// both sides prove that they hold `key`, there are no certificates, and who learns the key later
// cannot read what was recorded. TLS_AES_128_GCM_SHA256, X25519; keys are renewed long before the
// cipher's limit (RFC 8446, 5.5).
//
// `fd` is a connected stream socket, blocking or not; it is owned from the call on, also when the
// call throws. One side must be client, the other server; who connected does not matter. Returns
// after the handshake; throws StreamClosed when it fails or takes longer than `handshake`.
// A write() of up to 16 KiB is one record and one system call. For one thread at a time.
std::unique_ptr<ByteStream> secure_client(int fd, const StreamKey& key,
                                          TimeNs handshake = kHandshakePatience);
std::unique_ptr<ByteStream> secure_server(int fd, const StreamKey& key,
                                          TimeNs handshake = kHandshakePatience);

// Reads the 32 bytes of a stream key that another process wrote into a pipe, and closes `fd`.
// Throws std::runtime_error when there are fewer.
StreamKey read_stream_key(int fd);

}  // namespace starling
