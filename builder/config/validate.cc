// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/validate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include "builder/config/options.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

bool matches(const std::string& text, const char* pattern) {
  // std::regex recurses for each character: a long text would overflow the stack.
  return text.size() <= 2000 && std::regex_match(text, std::regex(pattern));
}

class Validator {
 public:
  explicit Validator(LoadedConfig& loaded) : loaded_(loaded), c_(loaded.config) {}

  void names() {
    if (!matches(c_.suite, "[a-z][a-z0-9-]{0,40}"))
      report("suite", 0, "`" + c_.suite + "' cannot be the name of a Debian release");
    if (!c_.mirror.empty() && !matches(c_.mirror, "(https?|file|ftp)://?[!-~]+"))
      report("mirror", 0, "`" + c_.mirror + "' is not a URL", "such as http://HOST/debian");
    if (!c_.user.empty() && !matches(c_.user, "[a-z_][a-z0-9_-]{0,31}"))
      report("user", 0, "`" + c_.user + "' cannot be a user's name",
             "small letters, digits, '-' and '_', 32 at most");
    if (c_.user == "root") report("user", 0, "the user cannot be root: it exists already");
    if (!c_.password.empty() &&
        !matches(c_.password, "\\$[0-9a-z]+\\$[!-9;-~]+"))  // no ':', it would split /etc/shadow
      report("password", 0, "this is not a crypt(3) hash: a password never stands in clear text",
             "make one with: openssl passwd -6");
    if (!c_.password.empty() && c_.user.empty())
      report("password", 0, "a password is set, but there is no user", "set `user' too");
    if (!matches(c_.flock, "[A-Za-z0-9][A-Za-z0-9._-]{0,31}"))
      report("flock", 0, "`" + c_.flock + "' cannot be a flock's name",
             "letters, digits, '.', '_' and '-', 32 at most");
    if (!matches(c_.hostname, "[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?"))
      report("hostname", 0, "`" + c_.hostname + "' cannot begin a host name",
             "small letters, digits and inner '-', 50 at most: the node's number is added");
    if (c_.volume_label.size() > 32)
      report("volume-label", 0,
             "`" + c_.volume_label + "' has " + std::to_string(c_.volume_label.size()) +
                 " characters; ISO 9660 allows 32");
    else if (!matches(c_.volume_label, "[A-Z0-9_]+"))
      report("volume-label", 0, "`" + c_.volume_label + "' is not a volume label",
             "ISO 9660 allows capital letters, digits and '_'");
  }

  void lists() {
    for (size_t i = 0; i < c_.packages.size(); ++i)
      if (!matches(c_.packages[i], "[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[!-~]+|/[a-z0-9-]+)?"))
        report("packages", i, "`" + c_.packages[i] + "' cannot be a package's name");
    for (size_t i = 0; i < c_.boot_parameters.size(); ++i)
      if (!matches(c_.boot_parameters[i], "[!-~]+"))
        report("boot-parameters", i,
               "`" + c_.boot_parameters[i] + "' has characters that a boot menu cannot hold");
    for (size_t i = 0; i < c_.ssh_keys.size(); ++i)
      if (const auto fault = ssh_key_fault(c_.ssh_keys[i]); !fault.empty())
        report("ssh-keys", i, fault, "paste the line of a .pub file as it is");
  }

  void files() {
    each("overlays", c_.overlays, [&](auto& p) { return want_directory(p); });
    each("hooks", c_.hooks, [&](auto& p) {
      auto fault = want_file(p);
      return fault.empty() && access(p.c_str(), X_OK) != 0 ? "is not executable (chmod +x)" : fault;
    });
    each("kernel-config", c_.kernel_config, [&](auto& p) { return want_file(p); });
    each("kernel-patches", c_.kernel_patches, [&](auto& p) { return want_file(p); });
    if (!c_.live_build_config.empty()) {
      auto fault = want_directory(c_.live_build_config);
      if (fault.empty() && !looks_like_live_build(c_.live_build_config))
        fault = "has none of live-build's package-lists, hooks, includes.chroot, packages.chroot";
      if (!fault.empty())
        report("live-build-config", 0, c_.live_build_config.string() + " " + fault);
    }
    if (!c_.flock_key.empty()) {
      if (const auto fault = want_file(c_.flock_key); !fault.empty())
        report("flock-key", 0, c_.flock_key.string() + " " + fault);
      else
        check_flock_key(c_.flock_key);
    } else if (fs::exists(flock_key_file(c_))) {
      check_flock_key(flock_key_file(c_));
    }
    if (!c_.signing_key.empty()) check_signing_key();
    if (!fs::is_directory(c_.source_dir / "kernel-config"))
      report("source-dir", 0, c_.source_dir.string() + " is not Starling's source tree",
             "run inside the checkout, or give --source-dir");
  }

  void conflicts() {
    if (c_.kernel == KernelKind::debian && !c_.kernel_patches.empty())
      report("kernel-patches", 0,
             "kernel = debian uses Debian's kernel as it is; patches need kernel = patched");
    if (c_.kernel == KernelKind::debian && !c_.kernel_config.empty())
      report("kernel-config", 0,
             "kernel = debian uses Debian's kernel as it is; a config needs kernel = patched");
    const int level = c_.compression_level;
    const int most = c_.compression == "zstd" ? 22 : c_.compression == "gzip" ? 9 : 0;
    if (level > most)
      report("compression-level", 0,
             most == 0 ? c_.compression + " has no levels; leave it at 0"
                       : c_.compression + " has levels 1 to " + std::to_string(most) + ", not " +
                             std::to_string(level));
    const auto inside = [](const fs::path& a, const fs::path& b) {
      const auto rel = a.lexically_relative(b);
      return !rel.empty() && *rel.begin() != "..";
    };
    if (c_.out_dir == "/") report("out-dir", 0, "the root directory cannot take the outputs");
    if (inside(c_.out_dir, c_.cache_dir) || inside(c_.cache_dir, c_.out_dir))
      report("out-dir", 0,
             "out-dir " + c_.out_dir.string() + " and cache-dir " + c_.cache_dir.string() +
                 " must not lie inside each other");
    for (size_t i = 0; i < c_.overlays.size(); ++i)
      if (inside(c_.out_dir, c_.overlays[i]) || inside(c_.cache_dir, c_.overlays[i]))
        report("overlays", i,
               "the overlay " + c_.overlays[i].string() +
                   " contains out-dir or cache-dir: the image would hold itself");
  }

 private:
  void report(const std::string& option, size_t index, const std::string& message,
              const std::string& hint = {}) {
    Error e(option + ": " + message);
    const auto& places = loaded_.origins[option];
    if (!places.empty()) e.at_file(places[std::min(index, places.size() - 1)]);
    if (!hint.empty()) e.hint(hint);
    loaded_.problems.push_back(e);
  }

  template <class F>
  void each(const char* option, const std::vector<fs::path>& paths, F fault_of) {
    for (size_t i = 0; i < paths.size(); ++i)
      if (const std::string fault = fault_of(paths[i]); !fault.empty())
        report(option, i, paths[i].string() + " " + fault);
  }

  static std::string want_file(const fs::path& p) {
    std::error_code ec;
    if (!fs::exists(p, ec)) return "does not exist";
    if (!fs::is_regular_file(p, ec)) return "is not a file";
    return access(p.c_str(), R_OK) == 0 ? "" : "cannot be read";
  }
  static std::string want_directory(const fs::path& p) {
    std::error_code ec;
    if (!fs::exists(p, ec)) return "does not exist";
    return fs::is_directory(p, ec) ? "" : "is not a directory";
  }
  static bool looks_like_live_build(const fs::path& p) {
    for (const char* name : {"package-lists", "hooks", "includes.chroot", "packages.chroot",
                             "includes.chroot_after_packages", "includes.chroot_before_packages",
                             "archives", "preseed"})
      if (fs::is_directory(p / name)) return true;
    return false;
  }

  void check_flock_key(const fs::path& file) {
    std::ifstream in(file);
    std::string text(200, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
    if (const auto fault = flock_key_fault(text); !fault.empty())
      report("flock-key", 0, file.string() + " " + fault, "make one with: openssl rand -hex 32");
  }

  void check_signing_key() {
    if (const auto fault = want_file(c_.signing_key); !fault.empty())
      return report("signing-key", 0, c_.signing_key.string() + " " + fault);
    std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(c_.signing_key.c_str(), "re"),
                                               std::fclose);
    if (!file) return report("signing-key", 0, c_.signing_key.string() + " cannot be read");
    // An empty pass phrase rather than a question on the terminal.
    const auto no_phrase = [](char*, int, int, void*) { return 0; };
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        PEM_read_PrivateKey(file.get(), nullptr, no_phrase, nullptr), EVP_PKEY_free);
    if (!key)
      return report("signing-key", 0,
                    c_.signing_key.string() + " is not a PEM private key without a pass phrase",
                    "make one with: openssl genpkey -algorithm ed25519 -out FILE");
    for (const char* type : {"ED25519", "RSA", "EC"})
      if (EVP_PKEY_is_a(key.get(), type)) return;
    report("signing-key", 0,
           c_.signing_key.string() + " cannot sign: Ed25519, RSA and EC keys can");
  }

  LoadedConfig& loaded_;
  const Config& c_;
};

bool is_base64(const std::string& s) {
  const auto end = s.find_last_not_of('=');
  return s.size() >= 16 && s.size() % 4 == 0 && end != std::string::npos && s.size() - end <= 3 &&
         std::all_of(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(end),
                     [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '/'; });
}

}  // namespace

std::string ssh_key_fault(const std::string& line) {
  static const std::vector<std::string> kTypes = {"ssh-ed25519",
                                                  "ssh-rsa",
                                                  "ecdsa-sha2-nistp256",
                                                  "ecdsa-sha2-nistp384",
                                                  "ecdsa-sha2-nistp521",
                                                  "sk-ssh-ed25519@openssh.com",
                                                  "sk-ecdsa-sha2-nistp256@openssh.com"};
  if (line.size() > 16384) return "a key line of more than 16 KiB";
  if (std::any_of(line.begin(), line.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return "a key is one line of text";
  if (line.find("PRIVATE KEY") != std::string::npos)
    return "this is a PRIVATE key: give the public one";
  std::istringstream in(line);
  std::string word, type;
  // Options may stand before the type.
  while (in >> word)
    if (std::find(kTypes.begin(), kTypes.end(), word) != kTypes.end()) {
      type = word;
      break;
    }
  if (type.empty())
    return "`" + line.substr(0, 40) + "' has no known key type (ssh-ed25519, ssh-rsa, ...)";
  std::string blob;
  if (!(in >> blob) || !is_base64(blob)) return "the " + type + " key is cut off or not base64";
  std::string raw(blob.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                                   reinterpret_cast<const unsigned char*>(blob.data()),
                                   static_cast<int>(blob.size()));
  // The blob begins with its own type: a 32-bit length and the text.
  const std::string head = std::string(3, '\0') + static_cast<char>(type.size()) + type;
  if (size < 0 || !raw.starts_with(head))
    return "the key is not of type " + type + ": it is damaged";
  if (type == "ssh-ed25519" && blob.size() != 68) return "the ssh-ed25519 key is cut off";
  return {};
}

std::string flock_key_fault(const std::string& text) {
  std::string key = text;
  if (!key.empty() && key.back() == '\n') key.pop_back();
  if (key.size() != 64)
    return "must hold 64 hex digits, not " + std::to_string(key.size()) + " characters";
  for (char c : key)
    if (!std::isxdigit(static_cast<unsigned char>(c)))
      return "must hold 64 hex digits and nothing else";
  if (key.find_first_not_of(key[0]) == std::string::npos) return "is one digit 64 times: not a key";
  return {};
}

void validate(LoadedConfig& loaded) {
  Validator v(loaded);
  v.names();
  v.lists();
  v.files();
  v.conflicts();
}

void throw_problems(const LoadedConfig& loaded) {
  if (loaded.problems.empty()) return;
  if (loaded.problems.size() == 1) {
    Error e = loaded.problems.front();
    throw e.exit_with(2);
  }
  std::string text = std::to_string(loaded.problems.size()) + " problems in the configuration";
  for (const auto& p : loaded.problems) {
    text += "\n" + (p.file.empty() ? std::string() : p.file.string() + ": ") + p.what();
    if (!p.next_step.empty()) text += "\n    " + p.next_step;
  }
  throw Error(text).exit_with(2);
}

}  // namespace starling::builder
