// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/load.h"

#include <gmock/gmock.h>

#include "builder/config/options.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    fs::create_directories(dir / "src/kernel-config");
    profile("minimal", "packages = less nano\nhostname = mini\n");
    profile("classroom", "profile = minimal\npackages = gcc\nboot-parameters = quiet\n");
    request.source_dir = dir / "src";
    request.working_dir = dir / "work";
  }
  void profile(const std::string& name, const std::string& text) {
    dir.write("src/builder/profiles/" + name + ".ini", text);
  }
  void config(const std::string& text) { request.config_file = dir.write("conf/my.ini", text); }
  void option(const std::string& name, const std::string& value) {
    request.command_line.push_back({name, value, "command line", "", request.working_dir});
  }
  Config load() {
    loaded = load_config(request);
    return loaded.config;
  }
  std::string problem() {
    load();
    if (loaded.problems.empty()) return "";
    return loaded.problems.front().file.string() + ": " + loaded.problems.front().what();
  }
  std::vector<std::string> origins(const std::string& option) { return loaded.origins[option]; }

  TempDir dir;
  LoadRequest request;
  LoadedConfig loaded;
};

TEST_F(LoadTest, BuiltInValues) {
  const Config c = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(c.profile, "minimal");
  EXPECT_EQ(c.suite, "trixie");
  EXPECT_EQ(c.out_dir, dir / "work/out");
  EXPECT_EQ(c.cache_dir, "/var/cache/starling");
  EXPECT_THAT(origins("suite"), IsEmpty());
}

TEST_F(LoadTest, LayersOverrideScalarsAndAccumulateLists) {
  config("profile = classroom\nhostname = pc\npackages = vim\nsuite = sid\n");
  option("suite", "forky");
  option("packages", "gdb git");
  const Config c = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_THAT(c.packages, ElementsAre("less", "nano", "gcc", "vim", "gdb", "git"));
  EXPECT_EQ(c.hostname, "pc");
  EXPECT_EQ(c.suite, "forky");
  EXPECT_THAT(c.boot_parameters, ElementsAre("quiet"));
  EXPECT_THAT(origins("suite"), ElementsAre("command line"));
  EXPECT_THAT(origins("hostname"), ElementsAre((dir / "conf/my.ini").string() + ":2"));
  EXPECT_EQ(origins("packages").size(), 6u);
  EXPECT_EQ(origins("packages")[2], (dir / "src/builder/profiles/classroom.ini").string() + ":2");
  EXPECT_EQ(origins("packages")[5], "command line");
}

TEST_F(LoadTest, EmptyValueClearsAndMinusTakesOut) {
  config("profile = classroom\npackages = -nano\nboot-parameters =\npackages = -gcc clang\n");
  EXPECT_THAT(load().packages, ElementsAre("less", "clang"));
  EXPECT_THAT(loaded.config.boot_parameters, IsEmpty());
  EXPECT_EQ(origins("packages").size(), 2u);
  config("packages =\npackages = tmux\n");
  EXPECT_THAT(load().packages, ElementsAre("tmux"));
  config("packages = -emacs\n");
  EXPECT_THAT(problem(), HasSubstr("`emacs' is not in the list"));
}

TEST_F(LoadTest, CommandLineChoosesTheProfileOverTheFile) {
  config("profile = classroom\npackages = vim\n");
  option("profile", "minimal");
  EXPECT_THAT(load().packages, ElementsAre("less", "nano", "vim"));
  EXPECT_EQ(profile_name(loaded.config), "minimal");
}

TEST_F(LoadTest, ProfileCanBeAFileBesideTheConfig) {
  dir.write("conf/room.ini", "profile = minimal\npackages = tmux\n");
  config("profile = ./room.ini\n");
  EXPECT_THAT(load().packages, ElementsAre("less", "nano", "tmux"));
  EXPECT_EQ(profile_name(loaded.config), "room");
  EXPECT_EQ(loaded.config.profile, dir / "conf/room.ini");
}

TEST_F(LoadTest, UnknownAndCyclicProfiles) {
  config("suite = trixie\nprofile = clasroom\n");
  EXPECT_THAT(problem(), HasSubstr("my.ini:2: there is no profile `clasroom'"));
  EXPECT_THAT(problem(), HasSubstr("did you mean `classroom'?"));
  profile("a", "profile = b\n");
  profile("b", "profile = a\n");
  config("profile = a\n");
  EXPECT_THAT(problem(), HasSubstr("based on itself"));
}

TEST_F(LoadTest, ProfileThatFindsItselfUnderEverNewNamesEnds) {
  dir.write("conf/room.ini", "profile = more/room.ini\n");
  std::filesystem::create_directory_symlink(".", dir / "conf/more");
  config("profile = ./room.ini\n");
  EXPECT_THAT(problem(), HasSubstr("too many profiles"));
}

TEST_F(LoadTest, PathsAreRelativeToWhoSaysThem) {
  config("overlays = files/one\noverlays = ../two\nhooks = /abs/hook\n");
  option("overlays", "three");
  const Config c = load();
  EXPECT_THAT(c.overlays, ElementsAre(dir / "conf/files/one", dir / "two", dir / "work/three"));
  EXPECT_THAT(c.hooks, ElementsAre("/abs/hook"));
}

TEST_F(LoadTest, SectionsArePrefixesAndUnderscoresDashes) {
  config(
      "[kernel]\nkernel = debian\nconfig = x.config\n[compression]\nlevel = 3\n[any]\nout_dir = "
      "o\n");
  const Config c = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(c.kernel, KernelKind::debian);
  EXPECT_THAT(c.kernel_config, ElementsAre(dir / "conf/x.config"));
  EXPECT_EQ(c.compression_level, 3);
  EXPECT_EQ(c.out_dir, dir / "conf/o");
}

TEST_F(LoadTest, UnknownOptionHasLineExcerptAndGuess) {
  config("suite = trixie\n\n  pakages = vim\n");
  EXPECT_EQ(problem(), (dir / "conf/my.ini").string() +
                           ":3: unknown option `pakages'; did you mean `packages'?\n"
                           "    3 |   pakages = vim\n"
                           "      |   ^^^^^^^");
}

TEST_F(LoadTest, BadValuesHaveLineExcerptAndGuess) {
  config("compression = ztsd\n");
  EXPECT_EQ(problem(),
            (dir / "conf/my.ini").string() +
                ":1: compression: `ztsd' is not one of zstd, xz, lz4, gzip; did you mean `zstd'?\n"
                "    1 | compression = ztsd\n"
                "      |               ^^^^");
  for (const char* text : {"compression-level = high", "compression-level = 99", "cache-keep = 0",
                           "cache-keep = 1x", "cache-keep =", "parallel-stages = -1",
                           "source-date-epoch = 99999999999999999999", "kernel = hurd"}) {
    config(text);
    EXPECT_THAT(problem(), HasSubstr("my.ini:1: ")) << text;
  }
}

TEST_F(LoadTest, AllProblemsAreReportedNotOnlyTheFirst) {
  config("one = 1\nkernel = hurd\nnonsense\nsuite = sid\n");
  EXPECT_EQ(load().suite, "sid");
  EXPECT_EQ(loaded.problems.size(), 3u);
}

TEST_F(LoadTest, MissingConfigFile) {
  request.config_file = dir / "nowhere.ini";
  EXPECT_THAT(problem(), HasSubstr("no such file"));
  request.config_file = dir.path();
  EXPECT_THAT(problem(), HasSubstr("not a regular file"));
}

TEST_F(LoadTest, SecretsAppearNeitherInTextNorInErrors) {
  config("password = hunter2hunter2\npassword \"hunter2\n");
  load();
  const auto text = option_text(loaded.config, *find_option("password"));
  EXPECT_THAT(text, ElementsAre("(set)"));
  for (const auto& s : read_settings("password = hunter2\n", "f", loaded.problems))
    EXPECT_EQ(s.excerpt, "");
}

TEST_F(LoadTest, EveryOptionCanBeSetInAFileAndComesBackAsText) {
  for (const auto& spec : option_specs()) {
    LoadedConfig one;
    const std::string value = spec.kind == OptionKind::number   ? std::to_string(spec.least)
                              : spec.kind == OptionKind::choice ? spec.choices.back()
                                                                : "/some-value";
    const auto settings =
        read_settings(std::string(spec.name) + " = " + value, "/d/f.ini", one.problems);
    ASSERT_EQ(settings.size(), 1u) << spec.name;
    apply(settings[0], one);
    EXPECT_THAT(one.problems, IsEmpty()) << spec.name;
    EXPECT_THAT(option_text(one.config, spec), ElementsAre(spec.secret ? "(set)" : value))
        << spec.name;
    EXPECT_NE(config_options().find_nothrow(spec.name, false), nullptr) << spec.name;
  }
}

TEST_F(LoadTest, SourceDirIsFoundAboveProgramOrWorkingDirectory) {
  fs::create_directories(dir / "src/build/bin");
  EXPECT_EQ(find_source_dir(dir / "src/build/bin/clusterbuild", "/"), dir / "src");
  EXPECT_EQ(find_source_dir("/usr/bin/clusterbuild", dir / "src/build"), dir / "src");
  EXPECT_EQ(find_source_dir("/usr/bin/clusterbuild", dir.path()), "/usr/share/starling");
}

}  // namespace
}  // namespace starling::builder
