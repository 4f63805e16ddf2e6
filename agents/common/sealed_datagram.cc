// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/sealed_datagram.h"

#include <openssl/crypto.h>

#include <cstring>
#include <stdexcept>

namespace starling {

void SealedHeader::write(std::uint8_t* at) const {
  at[0] = kVersion;
  at[1] = static_cast<std::uint8_t>(kind);
  at[2] = at[3] = 0;
  std::memcpy(at + 4, tag.data(), tag.size());
  std::memcpy(at + 12, session.data(), session.size());
  put_be64(at + 28, counter);
}

HeaderFault read_header(Bytes d, const FlockTag& tag, SealedHeader& out) {
  if (d.size() < kSealOverhead) return HeaderFault::kTooShort;
  if (d.size() > kMaxDatagram) return HeaderFault::kTooLong;
  if (d[0] != SealedHeader::kVersion) return HeaderFault::kVersion;
  if (std::memcmp(d.data() + 4, tag.data(), tag.size()) != 0) return HeaderFault::kForeignFlock;
  if (d[1] > 2 || d[2] != 0 || d[3] != 0) return HeaderFault::kMalformed;
  out.kind = static_cast<SealedHeader::Kind>(d[1]);
  out.tag = tag;
  std::memcpy(out.session.data(), d.data() + 12, out.session.size());
  out.counter = get_be64(d.data() + 28);
  return HeaderFault::kNone;
}

AssociatedData associated_data(Bytes header, const Path& path) {
  AssociatedData aad;
  std::memcpy(aad.data(), header.data(), SealedHeader::kSize);
  std::memcpy(aad.data() + SealedHeader::kSize, path.source.data(), 16);
  std::memcpy(aad.data() + SealedHeader::kSize + 16, path.destination.data(), 16);
  return aad;
}

DatagramSealer::DatagramSealer(const KeySchedule& keys, const SessionId& session)
    : tag_(keys.tag()), session_(session), key_(keys.session_key(session)) {}

DatagramSealer::~DatagramSealer() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

std::size_t DatagramSealer::seal(Aead& aead, SealedHeader::Kind kind, const Path& path,
                                 Bytes payload, MutableBytes out) {
  const std::size_t size = payload.size() + kSealOverhead;
  if (payload.size() > kMaxPayload || out.size() < size) {
    throw std::length_error("payload of " + std::to_string(payload.size()) +
                            " bytes does not fit a datagram");
  }
  const SealedHeader header{kind, tag_, session_, ++counter_};
  header.write(out.data());
  const AssociatedData aad = associated_data(out.first(SealedHeader::kSize), path);
  aead.seal(key_, counter_, aad, payload,
            out.subspan(SealedHeader::kSize, payload.size() + Aead::kTagSize));
  return size;
}

}  // namespace starling
