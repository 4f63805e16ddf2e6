// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/io_context.hpp>

namespace starling::netboot {

// Debian's dnsmasq (package dnsmasq-base) as a child: DHCP and TFTP. It ends with this object.
// It gives up root, so ending it takes CAP_KILL; when this process is killed it is the service
// manager that ends it.
class Dnsmasq {
 public:
  using OnLine = std::function<void(const std::string&)>;  // each line of its log
  using OnEnd = std::function<void(const std::string&)>;   // it ended by itself: how

  // Starts it with a configuration file. Throws std::system_error when that is not possible;
  // a configuration it does not like shows as on_end.
  Dnsmasq(boost::asio::io_context& io, const std::filesystem::path& config, OnLine on_line,
          OnEnd on_end);
  ~Dnsmasq();
  Dnsmasq(const Dnsmasq&) = delete;
  Dnsmasq& operator=(const Dnsmasq&) = delete;

 private:
  struct Reader;
  pid_t pid_ = -1;
  std::shared_ptr<Reader> reader_;
};

}  // namespace starling::netboot
