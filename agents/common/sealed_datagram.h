// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "agents/common/aead.h"
#include "agents/common/key_schedule.h"

namespace starling {

// What travels in the clear in front of every sealed payload:
//
//   0  version (1)      1  kind      2..3  zero
//   4  flock tag, 8     12 session id, 16     28  counter, big endian, 8     36  sealed payload,
//   tag
//
// All of it is authenticated, and so are the source and the destination address, which do not
// travel: a datagram sent on to another node, or from another address, does not open.
struct SealedHeader {
  static constexpr std::size_t kSize = 36;
  static constexpr std::uint8_t kVersion = 1;

  enum class Kind : std::uint8_t { kData = 0, kChallenge = 1, kResponse = 2 };

  Kind kind = Kind::kData;
  FlockTag tag{};
  SessionId session{};
  std::uint64_t counter = 0;

  void write(std::uint8_t* at) const;
};

// IPv6 promises 1,280 bytes on every link; less 40 for IPv6 and 8 for UDP.
inline constexpr std::size_t kMaxDatagram = 1280 - 40 - 8;
inline constexpr std::size_t kSealOverhead = SealedHeader::kSize + Aead::kTagSize;
inline constexpr std::size_t kMaxPayload = kMaxDatagram - kSealOverhead;

// Who sent it to whom, over which link. `interface` is this host's index for the link and is not
// authenticated: the two ends number their links differently.
struct Path {
  std::uint32_t interface = 0;
  Address6 source{};
  Address6 destination{};
};

// What a datagram is refused for before any cryptography.
enum class HeaderFault { kNone, kTooShort, kTooLong, kVersion, kForeignFlock, kMalformed };

// Reads the clear header. `out` is set only for kNone. Pure; never touches the payload.
HeaderFault read_header(Bytes datagram, const FlockTag& tag, SealedHeader& out);

// Header and addresses, as the AEAD authenticates them.
using AssociatedData = std::array<std::uint8_t, SealedHeader::kSize + 32>;
AssociatedData associated_data(Bytes header, const Path& path);

// Seals under a session of this process's own. Returns the bytes written to `out`, which must hold
// payload.size() + kSealOverhead.
class DatagramSealer {
 public:
  // `session` must be fresh random: the counter restarts with it.
  DatagramSealer(const KeySchedule& keys, const SessionId& session);
  ~DatagramSealer();
  DatagramSealer(const DatagramSealer&) = delete;
  DatagramSealer& operator=(const DatagramSealer&) = delete;

  const SessionId& session() const { return session_; }
  // The counter of the datagram sealed last.
  std::uint64_t counter() const { return counter_; }
  std::size_t seal(Aead& aead, SealedHeader::Kind kind, const Path& path, Bytes payload,
                   MutableBytes out);

 private:
  FlockTag tag_;
  SessionId session_;
  SessionKey key_;
  std::uint64_t counter_ = 0;
};

}  // namespace starling
