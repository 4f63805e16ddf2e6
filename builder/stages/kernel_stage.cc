// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/stages/image_stages.h"
#include "builder/stages/kernel_config.h"
#include "builder/stages/kernel_stages.h"
#include "builder/stages/overlay_mount.h"

namespace fs = std::filesystem;

namespace starling::builder {

namespace {

// Changes whenever run() would make something else of the same inputs.
constexpr const char* kRecipe = "2";
// The revision of our package of one upstream version; also the build number in uname -v.
constexpr const char* kRevision = "1";
// Compiler runs of a build with our fragment: the estimate before a build has been counted.
constexpr int kCompilations = 2850;

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error("cannot read " + file.string()).at_file(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush()) throw Error("cannot write " + file.string()).at_file(file);
}

std::vector<fs::path> fragments(const Config& config) {
  std::vector<fs::path> files = {config.source_dir / "kernel-config/starling.config"};
  files.insert(files.end(), config.kernel_config.begin(), config.kernel_config.end());
  return files;
}

std::string format_time(long epoch, const char* format) {
  const std::time_t t = epoch;
  std::tm tm{};
  gmtime_r(&t, &tm);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &tm)};
}

// Runs make and the packaging in one source tree with all that must not differ between machines.
class KernelBuild {
 public:
  KernelBuild(StageContext& ctx, fs::path tree, long date)
      : ctx_(ctx), tree_(std::move(tree)), date_(date) {}

  Command make(std::vector<std::string> targets) {
    const bool ccache = have_program("ccache");
    std::vector<std::string> argv = {"make",
                                     "-j" + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)),
                                     "ARCH=x86",
                                     // Else a checkout around the cache would add a "+".
                                     "LOCALVERSION=",
                                     std::string("KBUILD_BUILD_VERSION=") + kRevision,
                                     std::string("CC=") + (ccache ? "ccache gcc" : "gcc"),
                                     std::string("HOSTCC=") + (ccache ? "ccache gcc" : "gcc")};
    argv.insert(argv.end(), targets.begin(), targets.end());
    return command(std::move(argv));
  }

  Command command(std::vector<std::string> argv) {
    Command c = ctx_.command(std::move(argv));
    c.cwd(tree_)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("SOURCE_DATE_EPOCH", std::to_string(date_))
        .env("KBUILD_BUILD_TIMESTAMP", format_time(date_, "%a %b %e %H:%M:%S UTC %Y"))
        .env("KBUILD_BUILD_USER", "starling")
        .env("KBUILD_BUILD_HOST", "starling")
        .env("KDEB_CHANGELOG_DIST", ctx_.config().suite)
        .env("DEBFULLNAME", "Starling")
        .env("DEBEMAIL", "starling@localhost.invalid")
        // Quick, and the same bytes for any number of threads: the package only lives until the
        // image is made. Not zstd, which Debian's archive and lintian do not take.
        .env("DPKG_DEB_THREADS_MAX", "1")
        .env("DPKG_DEB_COMPRESSOR_TYPE", "gzip")
        .env("DPKG_DEB_COMPRESSOR_LEVEL", "6")
        .env("CCACHE_DIR", ctx_.persistent("ccache-kernel").string())
        .env("CCACHE_BASEDIR", ctx_.scratch().string())
        .env("CCACHE_NOHASHDIR", "1")
        .env("CCACHE_COMPILERCHECK", "content")
        .env("CCACHE_MAXSIZE", "4G")
        // On the dependency files that kbuild asks for anyway: a cold build takes 20 % more than
        // without a cache rather than 70 %.
        .env("CCACHE_DEPEND", "1");
    return c;
  }

 private:
  StageContext& ctx_;
  fs::path tree_;
  long date_;
};

// .config from the kernel's defaults and the fragments; every option asked for must survive.
void configure(StageContext& ctx, KernelBuild& build, const fs::path& tree,
               const std::vector<fs::path>& files) {
  std::vector<KernelOption> asked;
  std::vector<std::string> merge = {"scripts/kconfig/merge_config.sh", "-m", ".config"};
  for (const auto& file : files) {
    for (auto& option : parse_kernel_fragment(read_text(file), file)) asked.push_back(option);
    merge.push_back(file.string());
  }
  ctx.progress("configuring", 0);
  build.make({"defconfig"}).run();
  build.command(merge).run();
  build.make({"olddefconfig"}).run();

  const auto lost = lost_kernel_options(asked, read_text(tree / ".config"));
  if (lost.empty()) return;
  std::string cause = "the kernel's configuration did not keep";
  for (const auto& o : lost)
    cause += (&o == &lost[0] ? " " : ", ") + o.name + "=" + o.value + " (" +
             o.file.filename().string() + ":" + std::to_string(o.line) + ")";
  throw Error(cause)
      .at_file(lost[0].file.string() + ":" + std::to_string(lost[0].line))
      .hint("the option needs another one first, is forced by one, or this kernel does not have it; "
            "`make menuconfig' in the source, then / and its name, tells which");
}

// Compiles, with the share done estimated from the number of compiler runs of the last build.
void compile(StageContext& ctx, KernelBuild& build) {
  const fs::path counts = ctx.persistent("kernel-progress") / "compilations";
  int expected = 0;
  if (!(std::ifstream(counts) >> expected) || expected <= 0) expected = kCompilations;
  int done = 0;
  build.make({"all"})
      .on_line([&](std::string_view line) {
        if (!line.starts_with("  CC ") && !line.starts_with("  AS ")) return;
        if (++done % 10 == 0)
          ctx.progress("compiling, " + std::to_string(done) + " of about " +
                           std::to_string(std::max(done, expected)),
                       std::min(0.97, 0.97 * done / expected));
      })
      .run();
  write_text(counts, std::to_string(done) + "\n");
}

// mkdebian dates the changelog by the clock, and its package knows nothing of the initramfs.
void amend_packaging(const fs::path& tree, long date) {
  const fs::path changelog = tree / "debian/changelog";
  std::string text = read_text(changelog);
  const size_t trailer = text.rfind("\n -- ");
  const size_t when = trailer == std::string::npos ? trailer : text.find(">  ", trailer);
  if (when == std::string::npos)
    throw Error("unexpected changelog of the kernel's packaging").at_file(changelog);
  text.resize(when + 3);
  write_text(changelog, text + format_time(date, "%a, %d %b %Y %H:%M:%S +0000") + "\n");

  const fs::path control = tree / "debian/control";
  text = read_text(control);
  const size_t package = text.find("\nPackage: linux-image-");
  const size_t architecture = package == std::string::npos ? package : text.find('\n', package + 1);
  if (architecture == std::string::npos)
    throw Error("unexpected control file of the kernel's packaging").at_file(control);
  text.insert(architecture, "\nDepends: kmod, initramfs-tools | linux-initramfs-tool");
  write_text(control, text);
}

fs::path the_package(const fs::path& dir, const std::string& prefix) {
  for (const auto& e : fs::directory_iterator(dir)) {
    const std::string file = e.path().filename().string();
    if (file.starts_with(prefix) && file.ends_with(".deb")) return e.path();
  }
  throw Error("the kernel's packaging made no " + prefix + "*.deb");
}

}  // namespace

void KernelStage::read(const Config& config, Fingerprint& fp) const {
  fp.add("recipe", kRecipe);
  fp.add("packages", profile_name(config) == "dev" ? "image and headers" : "image");
  std::string order;
  for (const auto& file : fragments(config)) {
    if (!fs::is_regular_file(file))
      throw Error("no such kernel configuration: " + file.string())
          .at_file(file)
          .hint("check the `kernel-config' option");
    fp.add_file("fragment " + file.filename().string(), file);
    order += file.filename().string() + " ";
  }
  fp.add("order of fragments", order);
  for (const char* tool : {"gcc", "ld", "as", "lz4"}) add_tool(fp, tool);
}

void KernelStage::run(StageContext& ctx) const {
  const Config& config = ctx.config();
  const fs::path source = ctx.result_of("kernel-source");
  const auto origin = nlohmann::json::parse(read_text(source / "source.json"));
  const long date = origin.at("date").get<long>();
  const bool headers = profile_name(config) == "dev";

  // Built in the source tree, by relative paths only: nothing of where the cache lies gets into
  // an object, and ccache knows a file again wherever it is.
  OverlayMount mount(ctx, ctx.scratch() / "linux", {source / "linux"}, ctx.scratch() / "changes");
  const fs::path tree = mount.root();
  KernelBuild build(ctx, tree, date);

  configure(ctx, build, tree, fragments(config));
  compile(ctx, build);

  ctx.progress("packaging", 0.98);
  const std::string release = [&] {
    std::string text = read_text(tree / "include/config/kernel.release");
    return text.substr(0, text.find('\n'));
  }();
  const std::string version = release.substr(0, release.find('-'));
  // What bindeb-pkg does, in steps, so that the packaging can be amended between them.
  build.make({"run-command", "KBUILD_RUN_COMMAND=$(srctree)/scripts/package/mkdebian"})
      .env("KDEB_PKGVERSION", version + "-" + kRevision)
      .run();
  amend_packaging(tree, date);
  // build-arch is what has just been done; it would also make the headers of libc.
  std::vector<std::string> targets = {"-f", "debian/rules", "-o", "build-arch", "binary-image"};
  if (headers) targets.push_back("binary-headers");
  build.make(targets).env("KBUILD_VERBOSE", "0").run();

  nlohmann::json about = {{"release", release},
                          {"version", version},
                          {"source", {{"package", origin.at("package")},
                                      {"version", origin.at("version")}}},
                          {"config_sha256", sha256_file(tree / ".config")},
                          {"patches", origin.at("patches")}};
  for (const auto& file : fragments(config))
    about["fragments"].push_back(
        {{"name", file.filename().string()}, {"sha256", sha256_file(file)}});
  auto keep = [&](const char* key, const std::string& prefix) {
    const fs::path deb = the_package(ctx.scratch(), prefix);
    about[key] = deb.filename().string();
    fs::rename(deb, ctx.output() / deb.filename());
  };
  keep("image", "linux-image-" + release + "_");
  if (headers) keep("headers", "linux-headers-" + release + "_");
  fs::copy_file(tree / ".config", ctx.output() / "config");
  write_text(ctx.output() / "kernel.json", about.dump(2) + "\n");
  mount.unmount();
}

}  // namespace starling::builder
