// SPDX-License-Identifier: GPL-2.0-or-later
// What the answerer tells boot loaders. Made on the node, because only it knows its address.
#pragma once

#include <string>

namespace starling::netboot {

// The kernel command line for a machine that boots from this node: that of this node itself
// (`own`, /proc/cmdline), so that flock, key and consoles are the same, without what was about
// this node's own way of booting, and with the address the image is fetched from.
std::string command_line(const std::string& own, const std::string& http_server);

// "ADDRESS", or "ADDRESS:PORT" unless the port is 80.
std::string http_server(const std::string& address, int port);

// pxelinux.cfg/default for pxelinux.0: kernel and initrd by TFTP from where it came from itself,
// through the UDP calls of the machine's own PXE ROM. Not lpxelinux.0, which has HTTP: it needs the
// ROM's receive interrupts, and waits for ever when one is lost (docs/ARCHITECTURE.md).
std::string pxelinux_config(const std::string& own_cmdline, const std::string& http_server);

// boot.ipxe for machines whose PXE ROM is iPXE, which polls its card: kernel and initrd by HTTP,
// by TFTP where it was built without, and pxelinux where it cannot start a kernel.
std::string ipxe_script(const std::string& own_cmdline, const std::string& http_server);

// grub/grub.cfg for a grub with efinet, http and tftp: kernel and initrd by HTTP, and by TFTP
// where that fails (grub before 2.12 knows no other port than 80).
std::string grub_config(const std::string& own_cmdline, const std::string& http_server);

}  // namespace starling::netboot
