// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/cli/checksums.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "builder/core/command.h"
#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class ChecksumsTest : public testing::Test {
 protected:
  ChecksumsTest() {
    dir.write("x.iso", "image");
    dir.write("netboot/live/vmlinuz", "kernel");
    dir.write("manifest.spdx.json", manifest(sha256_hex("image")));
    chmod(dir.write("flock.key", "secret").c_str(), 0600);
    // By the tool that others will check with.
    dir.write("SHA256SUMS",
              Command({"sha256sum", "x.iso", "netboot/live/vmlinuz", "manifest.spdx.json"})
                  .cwd(dir.path())
                  .capture());
  }
  static std::string manifest(const std::string& hash) {
    return R"({"spdxVersion":"SPDX-2.3","files":[{"fileName":"./x.iso","checksums":[)"
           R"({"algorithm":"SHA1","checksumValue":"0"},{"algorithm":"SHA256","checksumValue":")" +
           hash + R"("}]}]})";
  }
  std::vector<std::string> faults() {
    std::vector<std::string> text;
    for (const auto& f : verify_sums(dir.path(), files)) text.push_back(f.file + " " + f.message);
    return text;
  }
  TempDir dir;
  size_t files = 0;
};

TEST_F(ChecksumsTest, GoodFolder) {
  EXPECT_THAT(faults(), ElementsAre());
  EXPECT_EQ(files, 3u);
}

TEST_F(ChecksumsTest, ChangedMissingAndExtra) {
  dir.write("x.iso", "imagf");
  fs::remove(dir / "netboot/live/vmlinuz");
  dir.write("netboot/more", "");
  EXPECT_THAT(faults(),
              ElementsAre("netboot/live/vmlinuz is missing", "x.iso does not match its checksum",
                          "netboot/more is not listed in SHA256SUMS"));
}

TEST_F(ChecksumsTest, LinkDoesNotStandForAFile) {
  fs::rename(dir / "x.iso", dir / "y.iso");
  fs::create_symlink("y.iso", dir / "x.iso");
  EXPECT_THAT(faults(), testing::Contains("x.iso is not a regular file"));
}

TEST_F(ChecksumsTest, KeyMustBePrivate) {
  chmod((dir / "flock.key").c_str(), 0644);
  EXPECT_THAT(faults(), ElementsAre("flock.key is readable by others (chmod 600)"));
}

TEST_F(ChecksumsTest, ManifestMustAgree) {
  dir.write("manifest.spdx.json", manifest(std::string(64, 'a')));
  dir.write("SHA256SUMS",
            Command({"sha256sum", "x.iso", "netboot/live/vmlinuz", "manifest.spdx.json"})
                .cwd(dir.path())
                .capture());
  EXPECT_THAT(faults(),
              ElementsAre("manifest.spdx.json has another SHA-256 for x.iso than SHA256SUMS"));
}

TEST_F(ChecksumsTest, NoOrEmptyList) {
  dir.write("SHA256SUMS", "");
  EXPECT_THAT(faults(), testing::Contains("SHA256SUMS is empty: nothing was verified"));
  fs::remove(dir / "SHA256SUMS");
  EXPECT_THROW(faults(), Error);
}

TEST(ParseSumsTest, FormsAndFaults) {
  const std::string h(64, 'a');
  std::vector<Fault> faults;
  const auto sums = parse_sums(h + "  a file\n" + h + " *./b\n\n", faults);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(sums.size(), 2u);
  EXPECT_TRUE(sums.contains("a file"));
  EXPECT_TRUE(sums.contains("b"));
  for (const std::string& bad :
       {h + "  ../x", h + "  /etc/passwd", h + "  a/../../x", std::string("short  x"), h + "  ",
        std::string(64, 'g') + "  x", h + "\tx"}) {
    faults.clear();
    EXPECT_TRUE(parse_sums(bad + "\n", faults).empty()) << bad;
    EXPECT_EQ(faults.size(), 1u) << bad;
  }
  faults.clear();
  parse_sums(h + "  x\n" + h + "  x\n", faults);
  EXPECT_EQ(faults.size(), 1u);
}

}  // namespace
}  // namespace starling::builder
