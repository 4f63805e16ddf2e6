// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "builder/core/stage.h"

// The stages between live-build's tree and the published image. What each reads and makes stands
// at its class; how, in the .cc of the same name.
namespace starling::builder {

// Kernel, agents and initramfs on top of rootfs-base.
// Makes layer/ (an overlayfs layer), boot/vmlinuz and boot/initrd, kernel-version.
class RootfsSystemStage : public Stage {
 public:
  std::string name() const override { return "rootfs-system"; }
  std::string purpose() const override { return "install kernel and agents, make the initramfs"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

// What changes often: overlays, users, keys, the flock, hooks. Makes layer/.
class RootfsStage : public Stage {
 public:
  std::string name() const override { return "rootfs"; }
  std::string purpose() const override { return "lay the overlays, users and the flock's key"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

// Makes live/{vmlinuz,initrd,filesystem.squashfs,filesystem.packages,image-id}.
class SquashfsStage : public Stage {
 public:
  std::string name() const override { return "squashfs"; }
  std::string purpose() const override { return "compress the root file system"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
};

// Makes netboot/, all that a TFTP and HTTP server needs.
class NetbootStage : public Stage {
 public:
  std::string name() const override { return "netboot"; }
  std::string purpose() const override { return "make the tree other machines boot from"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  bool published() const override { return true; }
};

// Makes starling-<profile>-<arch>.iso.
class IsoStage : public Stage {
 public:
  std::string name() const override { return "iso"; }
  std::string purpose() const override { return "make the hybrid ISO for BIOS and UEFI"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  bool published() const override { return true; }
};

// Makes manifest.spdx.json, SHA256SUMS and, given a key, SHA256SUMS.sig.
class ManifestStage : public Stage {
 public:
  std::string name() const override { return "manifest"; }
  std::string purpose() const override { return "write manifest and checksums"; }
  std::vector<std::string> needs(const Config&) const override;
  void read(const Config&, Fingerprint&) const override;
  void run(StageContext&) const override;
  bool published() const override { return true; }
};

// The program's file as part of what a stage reads: another version may write other bytes.
// Throws Error (with the package to install) when it is not there.
void add_tool(Fingerprint& fp, const std::string& program);

// The ISO's file name.
std::string iso_name(const Config& config);

}  // namespace starling::builder
