// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_wire.h"

#include <cstring>
#include <string>

#include "agents/migrate/frame_channel.h"

namespace starling::migrate {
namespace {

// Layouts, all little endian.
// Request: 8 begin, 8 pages, 4 max_data, 1 kind, 3 zero.
// Answer:  8 begin, 4 count of runs, then per run 8 (pages << 2 | kind), then the data.
constexpr std::size_t kRunSize = 8;
constexpr std::uint64_t kMaxAddress = std::uint64_t{1} << 56;

template <typename T>
void put(std::uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
template <typename T>
T get(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void check_range(std::uint64_t begin, std::uint64_t pages) {
  if (begin % kPage != 0) throw ProtocolError("a page range that begins within a page");
  if (begin >= kMaxAddress || pages == 0 || pages > (kMaxAddress - begin) / kPage) {
    throw ProtocolError("a page range of " + std::to_string(pages) + " pages");
  }
}

}  // namespace

RemoteRange PageAnswer::covered() const {
  std::uint64_t pages = 0;
  for (const PageRun& run : runs) pages += run.pages;
  return {begin, begin + pages * kPage};
}

std::vector<std::uint8_t> encode(const PageRequest& request) {
  std::vector<std::uint8_t> out(PageRequest::kSize);
  put(&out[0], request.range.begin.value);
  put(&out[8], request.range.size() / kPage);
  put(&out[16], request.max_data);
  out[20] = static_cast<std::uint8_t>(request.kind);
  return out;
}

PageRequest decode_page_request(Bytes body) {
  if (body.size() != PageRequest::kSize) {
    throw ProtocolError("a page request of " + std::to_string(body.size()) + " bytes");
  }
  const auto begin = get<std::uint64_t>(&body[0]);
  const auto pages = get<std::uint64_t>(&body[8]);
  check_range(begin, pages);
  PageRequest request;
  request.range = {{begin}, {begin + pages * kPage}};
  request.max_data = get<std::uint32_t>(&body[16]);
  if (request.max_data == 0 || request.max_data % kPage != 0 ||
      request.max_data > PageRequest::kMaxData) {
    throw ProtocolError("a page request for " + std::to_string(request.max_data) + " bytes");
  }
  if (body[20] > 2) throw ProtocolError("a page request of an unknown kind");
  request.kind = static_cast<PageRequest::Kind>(body[20]);
  if (request.kind == PageRequest::Kind::exact && request.range.size() > PageRequest::kMaxData) {
    throw ProtocolError("a page request for " + std::to_string(pages) + " pages at once");
  }
  return request;
}

std::vector<std::uint8_t> encode_head(const PageAnswer& answer) {
  std::vector<std::uint8_t> out(kAnswerHead + answer.runs.size() * kRunSize);
  put(&out[0], answer.begin.value);
  put(&out[8], static_cast<std::uint32_t>(answer.runs.size()));
  std::uint8_t* at = out.data() + kAnswerHead;
  for (const PageRun& run : answer.runs) {
    put(at, run.pages << 2 | static_cast<std::uint64_t>(run.kind));
    at += kRunSize;
  }
  return out;
}

std::size_t answer_head_size(Bytes fixed) {
  const auto count = get<std::uint32_t>(&fixed[8]);
  if (count == 0 || count > PageAnswer::kMaxRuns)
    throw ProtocolError("a page answer of " + std::to_string(count) + " runs");
  return kAnswerHead + count * kRunSize;
}

PageAnswer decode_answer_head(Bytes head, std::size_t data_size) {
  PageAnswer answer;
  answer.begin.value = get<std::uint64_t>(&head[0]);
  const std::size_t count = (head.size() - kAnswerHead) / kRunSize;
  answer.runs.reserve(count);
  std::uint64_t pages = 0;
  std::uint64_t data_pages = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = get<std::uint64_t>(&head[kAnswerHead + i * kRunSize]);
    if ((word & 3) > 2) throw ProtocolError("a page run of an unknown kind");
    const PageRun run{static_cast<PageRun::Kind>(word & 3), word >> 2};
    pages += run.pages;  // of numbers below 2^62 and, being checked each time, 2^44
    if (run.pages == 0) throw ProtocolError("an empty page run");
    check_range(answer.begin.value, pages);
    if (run.kind == PageRun::Kind::data) data_pages += run.pages;
    answer.runs.push_back(run);
  }
  if (data_pages > PageRequest::kMaxData / kPage || data_size != data_pages * kPage) {
    throw ProtocolError("a page answer whose runs are not as long as its data");
  }
  return answer;
}

PageAnswer decode_page_answer(Bytes body) {
  if (body.size() < kAnswerHead) {
    throw ProtocolError("a page answer of " + std::to_string(body.size()) + " bytes");
  }
  const std::size_t size = answer_head_size(body);
  if (body.size() < size)
    throw ProtocolError("a page answer of " + std::to_string(body.size()) + " bytes");
  PageAnswer answer = decode_answer_head(body.first(size), body.size() - size);
  answer.data = body.subspan(size);
  return answer;
}

}  // namespace starling::migrate
