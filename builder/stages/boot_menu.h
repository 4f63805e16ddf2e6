// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace starling::builder {

struct Config;

// One line of the boot menu.
struct BootEntry {
  std::string id;          // "starling": letters only
  std::string title;       // for people
  std::string parameters;  // the kernel command line
};

// What the menus of every loader offer: normal, with the image copied to memory (so that the disc
// or stick can go to the next machine), without the flock, and with every message shown.
std::vector<BootEntry> boot_entries(const Config& config);

// isolinux.cfg of the ISO. Waits 2 s, then boots the first entry; works on a serial line too.
std::string isolinux_config(const Config& config);
// boot/grub/grub.cfg of the ISO (UEFI).
std::string grub_config(const Config& config);
// pxelinux.cfg/default of the netboot tree. Kernel and initrd come from where the loader itself
// came from, by TFTP; the image comes by HTTP from the boot server
// (an empty host in fetch=), which pxelinux passes on in ip=.
std::string pxelinux_config(const Config& config);
// grub/grub.cfg of the netboot tree: everything over HTTP from the machine grub itself came from.
std::string grub_netboot_config(const Config& config);
// The few lines built into the grub image of the ISO: finds the medium by the file that holds
// `image_id`, so that a second disc with another build is never taken for this one.
std::string grub_embedded_config(const std::string& image_id);
// The same of the netboot image.
std::string grub_netboot_embedded_config();

}  // namespace starling::builder
