// SPDX-License-Identifier: GPL-2.0-or-later
// Messages of the page connections: what the peer may send in either direction. What decodes must
// encode to the same bytes again, or one side could be told something else than the other meant.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::migrate;
  const starling::Bytes body(data, size);
  try {
    const PageRequest request = decode_page_request(body);
    if (request != decode_page_request(encode(request))) std::abort();
  } catch (const ProtocolError&) {
  }
  try {
    const PageAnswer answer = decode_page_answer(body);
    const auto head = encode_head(answer);
    if (!std::equal(head.begin(), head.end(), body.begin())) std::abort();
    if (head.size() + answer.data.size() != size) std::abort();
    if (answer.covered().empty()) std::abort();
  } catch (const ProtocolError&) {
  }
  return 0;
}
