// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_files.h"

#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"
#include "tests/unit/netboot/file_servers.h"

namespace starling::netboot {
namespace {

namespace fs = std::filesystem;
constexpr const char* kImage = "live/filesystem.squashfs";

class BootFilesTest : public ::testing::Test {
 protected:
  void put(const fs::path& file) { write_to(dir_.path() / file, file); }
  TempDir dir_;
  const fs::path top_ = dir_.path();
  const BootRoots roots_{top_ / "loaders", top_ / "medium", top_ / "fetched", top_ / "proc",
                         top_ / "sys"};
};

TEST_F(BootFilesTest, AllFromADisc) {
  for (const char* f : {"medium/netboot/pxelinux.0", "medium/netboot/ldlinux.c32",
                        "medium/netboot/grub/grubnetx64.efi", "medium/live/vmlinuz",
                        "medium/live/initrd", "medium/live/filesystem.squashfs"})
    put(f);
  const auto found = find_boot_files(roots_);
  EXPECT_EQ(found.size(), boot_file_names().size());
  EXPECT_EQ(found.at("live/vmlinuz"), std::vector{roots_.medium / "live/vmlinuz"});
  EXPECT_EQ(found.at("pxelinux.0"), std::vector{roots_.medium / "netboot/pxelinux.0"});
}

TEST_F(BootFilesTest, ANetbootedNodeHasOnlyTheImageAtFirst) {
  put("medium/live/filesystem.squashfs");
  put("loaders/pxelinux.0");
  put("fetched/live/initrd");
  fs::create_directories(roots_.medium / "live/vmlinuz");  // no file
  const auto found = find_boot_files(roots_);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found.at("live/initrd"), std::vector{roots_.fetched / "live/initrd"});
  EXPECT_EQ(found.at(kImage), std::vector{roots_.medium / kImage});
}

TEST_F(BootFilesTest, KnowsEveryPlaceOfAFileBestFirst) {
  put("medium/live/initrd");
  put("fetched/live/initrd");
  EXPECT_EQ(find_boot_files(roots_).at("live/initrd"),
            (std::vector{roots_.medium / "live/initrd", roots_.fetched / "live/initrd"}));
}

// Lines as of a node booted with toram=filesystem.squashfs, which leaves the file at the top.
TEST_F(BootFilesTest, FindsTheRunningImageWhereverItLies) {
  put("medium/filesystem.squashfs");
  const auto image = roots_.medium / "filesystem.squashfs";
  EXPECT_FALSE(running_image(roots_));
  write_to(roots_.proc / "mounts",
           "sysfs /sys sysfs rw 0 0\n"
           "/dev/loop7 /mnt squashfs ro 0 0\n"
           "tmpfs /run/live/medium tmpfs ro 0 0\n"
           "/dev/loop0 /run/live/rootfs/filesystem.squashfs squashfs ro,noatime 0 0\n"
           "overlay / overlay rw 0 0\n");
  EXPECT_FALSE(running_image(roots_)) << "no such loop device";
  write_to(roots_.sys / "block/loop7/loop/backing_file", "/elsewhere\n");
  write_to(roots_.sys / "block/loop0/loop/backing_file", image.native() + "\n");
  EXPECT_EQ(running_image(roots_), image);
  EXPECT_EQ(find_boot_files(roots_).at(kImage), std::vector{image});
  // Where it usually lies it is not named twice.
  put("medium/live/filesystem.squashfs");
  write_to(roots_.sys / "block/loop0/loop/backing_file", (roots_.medium / kImage).native() + "\n");
  EXPECT_EQ(find_boot_files(roots_).at(kImage), std::vector{roots_.medium / kImage});
}

TEST(BootedOverNetwork, IsWhatFetchSays) {
  EXPECT_TRUE(booted_over_network("boot=live fetch=http://10.213.0.1/live/f.squashfs ip=dhcp"));
  EXPECT_FALSE(booted_over_network("boot=live toram quiet"));
  EXPECT_FALSE(booted_over_network("prefetch=http://x"));
}

}  // namespace
}  // namespace starling::netboot
