// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/diagnose.h"

#include <gmock/gmock.h>

#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Error diagnose(const Error& e) {
  TempDir dir;
  try {
    std::rethrow_exception(
        diagnosed(std::make_exception_ptr(e), "rootfs", dir.write("log", ""), dir.path()));
  } catch (const Error& better) {
    return better;
  }
}

TEST(DiagnoseTest, CommonCausesAreSaidFirstAndTheToolsWordsKept) {
  const std::pair<const char*, const char*> cases[] = {
      {"W: Temporary failure resolving 'mirror.example'", "no network"},
      {"E: Unable to locate package emcas", "a package in the configuration does not exist"},
      {"E: Failed getting release file", "the mirror does not have this suite"},
      {"cp: error writing 'x': No space left on device", "the disk is full"},
  };
  for (const auto& [words, cause] : cases) {
    const Error e = diagnose(
        Error(std::string("lb failed with exit status 1\n  | ") + words).replay("lb chroot"));
    EXPECT_THAT(e.what(), StartsWith(cause));
    EXPECT_THAT(e.what(), HasSubstr(words));
    EXPECT_EQ(e.command, "lb chroot");
    EXPECT_EQ(e.stage, "rootfs");
    EXPECT_FALSE(e.log.empty());
    EXPECT_FALSE(e.next_step.empty());
  }
}

TEST(DiagnoseTest, AMirrorThatMovedOnIsToldFromOneThatNeverHadTheSuite) {
  for (const char* words :
       {"E: Failed to fetch http://m.example/debian/pool/b/bash/bash_5.2-1_amd64.deb  404  Not "
        "Found [IP: 192.0.2.1 80]",
        "E: Failed to fetch file:/m/pool/x.deb  File not found - /m/pool/x.deb (2: No such file)",
        "E: Couldn't download packages: base-files"}) {
    const Error e = diagnose(Error(std::string("lb failed with exit status 100\n  | ") + words));
    EXPECT_TRUE(e.mirror_moved) << words;
    EXPECT_THAT(e.what(), StartsWith("the Debian mirror no longer has"));
    EXPECT_THAT(e.next_step, HasSubstr("--refresh"));
  }
  EXPECT_FALSE(diagnose(Error("E: The repository 'http://m.example x Release' does not have a "
                              "Release file.\n404  Not Found"))
                   .mirror_moved);
  EXPECT_FALSE(diagnose(Error("cc1: error")).mirror_moved);
}

TEST(DiagnoseTest, OtherErrorsKeepTheirWordsAndHint) {
  const Error e = diagnose(Error("the patch does not apply").hint("refresh it").in_stage("kernel"));
  EXPECT_STREQ(e.what(), "the patch does not apply");
  EXPECT_EQ(e.next_step, "refresh it");
  EXPECT_EQ(e.stage, "kernel");
}

TEST(DiagnoseTest, AnInterruptStaysOne) {
  const auto same = diagnosed(std::make_exception_ptr(Interrupted()), "x", "", "");
  EXPECT_THROW(std::rethrow_exception(same), Interrupted);
}

TEST(DiagnoseTest, SystemErrorsBecomeErrorsWithTheFile) {
  try {
    std::rethrow_exception(diagnosed(
        std::make_exception_ptr(std::filesystem::filesystem_error(
            "cannot write", "/some/file", std::make_error_code(std::errc::no_space_on_device))),
        "iso", "", ""));
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), StartsWith("the disk is full"));
    EXPECT_EQ(e.file, "/some/file");
  }
}

}  // namespace
}  // namespace starling::builder
