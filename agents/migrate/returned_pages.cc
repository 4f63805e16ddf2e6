// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/returned_pages.h"

#include <algorithm>
#include <cstring>

#include "agents/migrate/frame_channel.h"
#include "agents/migrate/process_maps.h"

namespace starling::migrate {

void ReturnedPages::take(Bytes body) {
  std::uint64_t address = 0;
  if (body.size() < sizeof address + kPage || (body.size() - sizeof address) % kPage != 0)
    throw ProtocolError("the guest sent pages that are not whole");
  std::memcpy(&address, body.data(), sizeof address);
  Bytes data = body.subspan(sizeof address);
  if (address % kPage != 0 || address >= 1ULL << 47 || data.size() > (1ULL << 47) - address)
    throw ProtocolError("the guest sent pages of no process");
  pages_ += data.size() / kPage;
  for (RemoteAddr at{address}; !data.empty();) {
    // As many as can be written at once; one that cannot is kept back.
    std::size_t size = 0;
    while (size < data.size() && !written_to_({at + size, at + size + kPage})) {
      kept_.erase(at + size);
      size += kPage;
    }
    std::size_t written = size == 0 ? 0 : tracee_.write_some(at, data.first(size)) / kPage * kPage;
    if (written < data.size()) {
      const Bytes page = data.subspan(written, kPage);
      kept_[at + written] = {page.begin(), page.end()};
      written += kPage;
    }
    at = at + written;
    data = data.subspan(written);
  }
}

void ReturnedPages::settle(const pb::ProcessState& state) {
  RemoteRanges there;
  for (const auto& vma : state.vmas())
    if (!vma.fresh()) there.push_back({RemoteAddr{vma.begin()}, RemoteAddr{vma.end()}});
  RemoteRanges gone;
  for (int i = 0; i + 1 < state.gone_size(); i += 2)
    gone.push_back({RemoteAddr{state.gone(i)}, RemoteAddr{state.gone(i + 1)}});
  there = subtract(normalise(std::move(there)), normalise(std::move(gone)));
  for (const auto& [at, page] : kept_) {
    const bool ours = std::any_of(there.begin(), there.end(),
                                  [&, a = at](const RemoteRange& r) { return r.contains(a); });
    if (ours) tracee_.write(at, page);
  }
  kept_.clear();
}

}  // namespace starling::migrate
