// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/sealed_channel.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>

namespace starling {

// A challenge carries the session it is meant for and a nonce; a response the same, and the last
// of its sender's counters that is too old to be taken.
static constexpr std::size_t kChallengeSize = 32;
static constexpr std::size_t kResponseSize = 40;

// Only authenticated ids enter the table, so a plain hash of these random bytes will do.
std::size_t SealedChannel::HashSession::operator()(const SessionId& id) const {
  std::size_t h;
  std::memcpy(&h, id.data(), sizeof h);
  return h;
}

SealedChannel::SealedChannel(const KeySchedule& keys, const SessionId& session)
    : SealedChannel(keys, session, Limits{}) {}

SealedChannel::SealedChannel(const KeySchedule& keys, const SessionId& session,
                             const Limits& limits)
    : keys_(keys),
      limits_(limits),
      sealer_(keys, session),
      derivations_(limits.derivations_per_second, limits.derivations_per_second / 4),
      responses_(limits.responses_per_second, limits.responses_per_second / 4),
      held_(limits.held) {}

SealedChannel::~SealedChannel() {
  for (auto& [id, session] : table_) OPENSSL_cleanse(session.key.data(), session.key.size());
}

std::size_t SealedChannel::seal(const Path& path, Bytes payload, MutableBytes out) {
  ++counters_.sent;
  return sealer_.seal(aead_, SealedHeader::Kind::kData, path, payload, out);
}

void SealedChannel::receive(const Path& path, const Address6& local, Bytes datagram,
                            TimeNs received, TimeNs now, Sink& sink) {
  SealedHeader header;
  switch (read_header(datagram, keys_.tag(), header)) {
    case HeaderFault::kNone:
      break;
    case HeaderFault::kForeignFlock:
      ++counters_.foreign_flock;
      return;
    default:
      ++counters_.malformed;
      return;
  }
  if (header.session == sealer_.session()) {
    ++counters_.own;
    return;
  }

  auto known = table_.find(header.session);
  SessionKey key;
  if (known != table_.end()) {
    key = known->second.key;
  } else {
    if (!derivations_.take(now)) {
      ++counters_.rate_limited;
      return;
    }
    key = keys_.session_key(header.session);
  }

  std::array<std::uint8_t, kMaxPayload> plain;
  const MutableBytes payload(plain.data(), datagram.size() - kSealOverhead);
  const AssociatedData aad = associated_data(datagram.first(SealedHeader::kSize), path);
  if (!aead_.open(key, header.counter, aad, datagram.subspan(SealedHeader::kSize), payload)) {
    ++counters_.forged;
    return;
  }
  if (known != table_.end()) {
    Session& session = known->second;
    if (!session.window.accept(header.counter)) {
      ++counters_.replayed;
      return;
    }
    session.heard = now;
    Order& order = session.proven ? proven_ : unproven_;
    order.splice(order.end(), order, session.place);
  }

  switch (header.kind) {
    case SealedHeader::Kind::kChallenge:
      // Answered for strangers too: whoever can seal it has the key, and the answer proves only
      // that this process lives. A recorded challenge draws an answer nobody waits for.
      on_challenge(header.session, path, local, payload, now, sink);
      return;
    case SealedHeader::Kind::kResponse:
      if (known == table_.end()) {
        ++counters_.stale_response;
      } else {
        on_response(known->second, header.session, payload, sink);
      }
      return;
    case SealedHeader::Kind::kData:
      break;
  }
  if (known != table_.end()) {
    on_data(known->second, header, path, local, payload, received, now, sink);
  } else {
    Session& session = remember(header.session, key, now);
    session.window.accept(header.counter);
    on_data(session, header, path, local, payload, received, now, sink);
  }
}

void SealedChannel::on_data(Session& session, const SealedHeader& header, const Path& path,
                            const Address6& local, Bytes payload, TimeNs received, TimeNs now,
                            Sink& sink) {
  if (session.proven) {
    ++counters_.delivered;
    sink.deliver(path, payload, received);
    return;
  }
  hold(header, path, payload, received);
  if (session.challenged == 0 || now - session.challenged >= limits_.challenge_again) {
    challenge(session, header.session, path, local, now, sink);
  }
}

void SealedChannel::challenge(Session& session, const SessionId& id, const Path& path,
                              const Address6& local, TimeNs now, Sink& sink) {
  // The nonce stays the same while the session is unproven, so that an answer to the first
  // challenge counts even when it crosses the second.
  session.challenged = now;
  std::array<std::uint8_t, kChallengeSize> proof;
  std::memcpy(proof.data(), id.data(), id.size());
  std::memcpy(proof.data() + 16, session.nonce.data(), session.nonce.size());
  const Path back{path.interface, local, path.source};
  std::array<std::uint8_t, kChallengeSize + kSealOverhead> datagram;
  const std::size_t n = sealer_.seal(aead_, SealedHeader::Kind::kChallenge, back, proof, datagram);
  ++counters_.challenges_sent;
  sink.transmit(back, Bytes(datagram.data(), n));
}

void SealedChannel::on_challenge(const SessionId& challenger, const Path& path,
                                 const Address6& local, Bytes payload, TimeNs now, Sink& sink) {
  if (payload.size() != kChallengeSize ||
      std::memcmp(payload.data(), sealer_.session().data(), 16) != 0) {
    ++counters_.malformed;
    return;
  }
  if (!responses_.take(now)) {
    ++counters_.rate_limited;
    return;
  }
  std::array<std::uint8_t, kResponseSize> proof;
  std::memcpy(proof.data(), challenger.data(), challenger.size());
  std::memcpy(proof.data() + 16, payload.data() + 16, 16);
  put_be64(proof.data() + 32, old_counter_);
  const Path back{path.interface, local, path.source};
  std::array<std::uint8_t, kResponseSize + kSealOverhead> datagram;
  const std::size_t n = sealer_.seal(aead_, SealedHeader::Kind::kResponse, back, proof, datagram);
  ++counters_.responses_sent;
  sink.transmit(back, Bytes(datagram.data(), n));
}

void SealedChannel::on_response(Session& session, const SessionId& id, Bytes payload, Sink& sink) {
  if (session.proven || payload.size() != kResponseSize ||
      std::memcmp(payload.data(), sealer_.session().data(), 16) != 0 ||
      CRYPTO_memcmp(payload.data() + 16, session.nonce.data(), 16) != 0) {
    ++counters_.stale_response;
    return;
  }
  session.proven = true;
  session.window.raise_floor(get_be64(payload.data() + 32));
  proven_.splice(proven_.end(), unproven_, session.place);
  while (proven_.size() > limits_.sessions) forget(table_.find(proven_.front()));
  release_held(id, &session, &sink);
}

void SealedChannel::hold(const SealedHeader& header, const Path& path, Bytes payload,
                         TimeNs received) {
  Held* free = nullptr;
  std::size_t mine = 0;
  for (Held& h : held_) {
    if (!h.used) {
      if (!free) free = &h;
    } else if (h.session == header.session) {
      ++mine;
    }
  }
  if (!free || mine >= limits_.held_per_session) {
    ++counters_.rate_limited;
    return;
  }
  free->used = true;
  free->session = header.session;
  free->counter = header.counter;
  free->path = path;
  free->received = received;
  free->size = payload.size();
  std::memcpy(free->payload.data(), payload.data(), payload.size());
}

void SealedChannel::release_held(const SessionId& id, const Session* proven, Sink* sink) {
  // Slots are filled lowest first, so within one session nearly in order; order is a courtesy, as
  // on any datagram path.
  for (Held& h : held_) {
    if (!h.used || h.session != id) continue;
    h.used = false;
    if (!proven) {
      ++counters_.unproven;
    } else if (h.counter <= proven->window.floor()) {
      ++counters_.replayed;
    } else {
      ++counters_.delivered;
      sink->deliver(h.path, Bytes(h.payload.data(), h.size), h.received);
    }
  }
}

SealedChannel::Session& SealedChannel::remember(const SessionId& id, const SessionKey& key,
                                                TimeNs now) {
  while (unproven_.size() >= limits_.unproven) forget(table_.find(unproven_.front()));
  Session& session = table_[id];
  session.key = key;
  session.created = session.heard = now;
  if (RAND_bytes(session.nonce.data(), static_cast<int>(session.nonce.size())) != 1) {
    throw std::runtime_error("no random bytes");
  }
  session.place = unproven_.insert(unproven_.end(), id);
  return session;
}

void SealedChannel::forget(Table::iterator it) {
  Session& session = it->second;
  if (session.proven) {
    proven_.erase(session.place);
  } else {
    release_held(it->first, nullptr, nullptr);
    unproven_.erase(session.place);
  }
  OPENSSL_cleanse(session.key.data(), session.key.size());
  table_.erase(it);
}

void SealedChannel::expire(TimeNs now) {
  if (now - marked_ >= kFloorStep) {
    old_counter_ = mark_counter_;
    mark_counter_ = sealer_.counter();
    marked_ = now;
  }
  // The deadline counts from the session's first datagram: a recording played on and on must not
  // keep its place. `unproven_` is in the order heard, so all of it is looked through.
  for (auto place = unproven_.begin(); place != unproven_.end();) {
    const auto it = table_.find(*place++);
    if (now - it->second.created > limits_.proof_deadline) forget(it);
  }
  while (!proven_.empty()) {
    const auto it = table_.find(proven_.front());
    if (now - it->second.heard <= limits_.idle_session) break;
    forget(it);
  }
}

}  // namespace starling
