// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace starling::netboot {
namespace {

namespace fs = std::filesystem;

class BootFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/boot-files.XXXXXX";
    ASSERT_TRUE(::mkdtemp(name.data()));
    dir_ = name;
    roots_ = {dir_ / "loaders", dir_ / "medium", dir_ / "fetched"};
  }
  void TearDown() override { fs::remove_all(dir_); }
  void put(const fs::path& file) {
    fs::create_directories((dir_ / file).parent_path());
    std::ofstream(dir_ / file) << file;
  }
  fs::path dir_;
  BootRoots roots_;
};

TEST_F(BootFilesTest, AllFromADisc) {
  for (const char* f : {"medium/netboot/lpxelinux.0", "medium/netboot/ldlinux.c32",
                        "medium/netboot/grub/grubnetx64.efi", "medium/live/vmlinuz",
                        "medium/live/initrd", "medium/live/filesystem.squashfs"})
    put(f);
  const auto found = find_boot_files(roots_);
  EXPECT_TRUE(found.missing.empty());
  EXPECT_EQ(found.files.at("live/vmlinuz"), roots_.medium / "live/vmlinuz");
  EXPECT_EQ(found.files.at("lpxelinux.0"), roots_.medium / "netboot/lpxelinux.0");
}

TEST_F(BootFilesTest, ANetbootedNodeHasOnlyTheImageAtFirst) {
  put("medium/live/filesystem.squashfs");
  put("loaders/lpxelinux.0");
  put("fetched/live/initrd");
  const auto found = find_boot_files(roots_);
  EXPECT_EQ(found.missing, (std::vector<std::string>{"ldlinux.c32", "grub/grubnetx64.efi",
                                                     "live/vmlinuz"}));
  EXPECT_EQ(found.files.at("live/initrd"), roots_.fetched / "live/initrd");
}

TEST_F(BootFilesTest, KnowsItsBootServer) {
  EXPECT_FALSE(boot_server("boot=live quiet", dir_));
  EXPECT_EQ(boot_server("boot=live fetch=http://10.213.0.1/live/f.squashfs", dir_), "10.213.0.1");
  EXPECT_EQ(boot_server("fetch=http://10.213.0.1:8069/live/f", dir_), "10.213.0.1:8069");
  EXPECT_FALSE(boot_server("fetch=http:///live/f", dir_));
  std::ofstream(dir_ / "net-eth0.conf") << "DEVICE='eth0'\nROOTSERVER='192.0.2.9'\n";
  EXPECT_EQ(boot_server("fetch=http:///live/f", dir_), "192.0.2.9");
}

}  // namespace
}  // namespace starling::netboot
