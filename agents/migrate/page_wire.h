// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "agents/common/bytes.h"
#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// Types of the frames on the demand and bulk connections. The side that lacks pages sends requests,
// the other side answers each in the order they came. Numbers are little endian.
enum PageFrameType : std::uint8_t {
  kPageRequest = 1,
  kPageAnswer = 2,
};

// A stretch of the moved process's memory as both page services know it.
struct PageRegion {
  RemoteRange range;         // whole pages
  bool file_backed = false;  // private mapping of a file: a page that was never touched is not zero

  bool operator==(const PageRegion&) const = default;
};

struct PageRequest {
  enum class Kind : std::uint8_t {
    exact = 0,   // the answer covers `range`, at most kMaxData long
    next = 1,    // the answer covers a front part of `range`, at least a page, of any length, with
                 // at most `max_data` bytes of contents
    stream = 2,  // such answers follow each other, each with kPieceData at most, until `range` is
                 // covered or they had `max_data` bytes of contents together
  };
  static constexpr std::uint32_t kPieceData = 128 * 1024;
  // Bytes of contents in one answer.
  static constexpr std::uint32_t kMaxData = 4 * 1024 * 1024;
  static constexpr std::size_t kSize = 24;

  Kind kind = Kind::exact;
  RemoteRange range;
  std::uint32_t max_data = kMaxData;  // whole pages

  bool operator==(const PageRequest&) const = default;
};

struct PageRun {
  enum class Kind : std::uint8_t {
    data = 0,        // contents follow
    zero = 1,        // never written: the first touch finds zeros
    unreadable = 2,  // touching it at the source raises SIGBUS (beyond the end of a file)
  };
  Kind kind = Kind::data;
  std::uint64_t pages = 0;  // never 0

  bool operator==(const PageRun&) const = default;
};

// Runs follow each other without a gap from `begin` on.
struct PageAnswer {
  static constexpr std::size_t kMaxRuns = 2048;

  RemoteAddr begin;
  std::vector<PageRun> runs;
  Bytes data;  // contents of the data runs; a view

  RemoteRange covered() const;
};

std::vector<std::uint8_t> encode(const PageRequest& request);
// Both throw ProtocolError (frame_channel.h). Lengths, alignment and bounds are checked: ranges end
// below 2^56, data is as long as the runs say.
PageRequest decode_page_request(Bytes body);
// All but the data, which follows it in the body of the frame.
std::vector<std::uint8_t> encode_head(const PageAnswer& answer);
// An answer in parts: the first kAnswerHead bytes tell how long its head is, the head what the data
// of `data_size` bytes is that follows; `data` of the result is empty. Both throw ProtocolError.
inline constexpr std::size_t kAnswerHead = 12;
std::size_t answer_head_size(Bytes fixed);
PageAnswer decode_answer_head(Bytes head, std::size_t data_size);
// `data` of the result is a view of `body`.
PageAnswer decode_page_answer(Bytes body);

}  // namespace starling::migrate
