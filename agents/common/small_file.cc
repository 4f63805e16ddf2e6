// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling {

std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string content(limit, '\0');
  std::size_t used = 0;
  while (used < limit) {
    const ssize_t n = ::read(fd.get(), content.data() + used, limit - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  content.resize(used);
  return content;
}

void write_file_atomically(const std::filesystem::path& path, const std::string& content,
                           mode_t mode) {
  const std::string temporary = path.string() + ".new";
  UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) fail_errno(temporary);
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(temporary);
    done += static_cast<std::size_t>(n);
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) fail_errno(temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail_errno(path.string());
}

}  // namespace starling
