// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/load.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "builder/config/did_you_mean.h"
#include "builder/config/ini.h"
#include "builder/config/options.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestConfig = 1 << 20;  // bytes

std::string read_config_file(const fs::path& file) {
  std::error_code ec;
  const auto type = fs::status(file, ec).type();
  if (type == fs::file_type::not_found) throw Error("no such file").at_file(file);
  if (type != fs::file_type::regular) throw Error("not a regular file").at_file(file);
  if (fs::file_size(file, ec) > kLargestConfig)
    throw Error("too large for a config file").at_file(file);
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error("cannot read the file").at_file(file);
  return std::move(text).str();
}

std::string line_of(std::string_view text, int number) {
  for (int i = 1; i < number; ++i) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string line(text.substr(0, text.find('\n')));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line.substr(0, 120);
}

// "   12 | pakages = vim" and a line of ^^^^ under `word`.
std::string excerpt(std::string_view text, int number, const std::string& word) {
  const std::string line = line_of(text, number);
  std::string head = std::to_string(number);
  head.insert(0, head.size() < 5 ? 5 - head.size() : 0, ' ');
  std::string result = head + " | " + line;
  const auto at = word.empty() ? std::string::npos : line.find(word);
  if (at != std::string::npos)
    result += "\n" + std::string(head.size(), ' ') + " | " + std::string(at, ' ') +
              std::string(word.size(), '^');
  return result;
}

std::string option_key(std::string text) {
  for (char& c : text)
    if (c == '_' || c == '.') c = '-';
  return text;
}

Error problem_at(const Setting& s, const std::string& message) {
  Error e(s.excerpt.empty() ? message : message + "\n" + s.excerpt);
  e.at_file(s.where);
  return e;
}

std::vector<std::string> split_words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string w; in >> w;) words.push_back(w);
  return words;
}

fs::path absolute_path(const std::string& text, const fs::path& dir) {
  return (dir / text).lexically_normal();
}

// Sets one field; answers what is wrong with the value, or "".
class Setter {
 public:
  Setter(const OptionSpec& spec, const Setting& s, LoadedConfig& loaded)
      : spec_(spec), s_(s), c_(loaded.config), origins_(loaded.origins[spec.name]) {}

  std::string operator()(std::string Config::*f) {
    if (spec_.kind == OptionKind::choice && !chosen()) return choices();
    c_.*f = s_.value;
    return one_origin();
  }
  std::string operator()(KernelKind Config::*f) {
    if (!chosen()) return choices();
    c_.*f = s_.value == "debian" ? KernelKind::debian : KernelKind::patched;
    return one_origin();
  }
  std::string operator()(fs::path Config::*f) {
    c_.*f = s_.value.empty() ? fs::path() : absolute_path(s_.value, s_.dir);
    return one_origin();
  }
  std::string operator()(int Config::*f) { return number(f); }
  std::string operator()(long Config::*f) { return number(f); }
  std::string operator()(std::vector<std::string> Config::*f) {
    if (cleared(c_.*f)) return {};
    if (spec_.kind == OptionKind::lines) return push(c_.*f, s_.value);
    for (const auto& word : split_words(s_.value)) {
      if (word.size() > 1 && word[0] == '-') {
        if (!take_out(c_.*f, word.substr(1)))
          return "`" + word.substr(1) + "' is not in the list, so it cannot be taken out";
      } else if (std::find((c_.*f).begin(), (c_.*f).end(), word) == (c_.*f).end()) {
        push(c_.*f, word);
      }
    }
    return {};
  }
  std::string operator()(std::vector<fs::path> Config::*f) {
    if (cleared(c_.*f)) return {};
    return push(c_.*f, absolute_path(s_.value, s_.dir));
  }

 private:
  bool chosen() const {
    return std::find(spec_.choices.begin(), spec_.choices.end(), s_.value) != spec_.choices.end();
  }
  std::string choices() const {
    std::string text = "`" + s_.value + "' is not one of";
    for (size_t i = 0; i < spec_.choices.size(); ++i) text += (i ? ", " : " ") + spec_.choices[i];
    const std::string guess = did_you_mean(s_.value, spec_.choices);
    return guess.empty() ? text : text + "; did you mean `" + guess + "'?";
  }
  template <class N>
  std::string number(N Config::*f) {
    long value = 0;
    const char* end = s_.value.data() + s_.value.size();
    auto [stop, ec] = std::from_chars(s_.value.data(), end, value);
    if (ec != std::errc() || stop != end || value < spec_.least || value > spec_.most)
      return "`" + s_.value + "' is not a number from " + std::to_string(spec_.least) + " to " +
             std::to_string(spec_.most);
    c_.*f = static_cast<N>(value);
    return one_origin();
  }
  std::string one_origin() {
    origins_ = {s_.where};
    return {};
  }
  template <class List>
  bool cleared(List& list) {
    if (!s_.value.empty()) return false;
    list.clear();
    origins_.clear();
    return true;
  }
  template <class List, class Item>
  std::string push(List& list, Item item) {
    list.push_back(std::move(item));
    origins_.push_back(s_.where);
    return {};
  }
  bool take_out(std::vector<std::string>& list, const std::string& word) {
    auto it = std::find(list.begin(), list.end(), word);
    if (it == list.end()) return false;
    origins_.erase(origins_.begin() + (it - list.begin()));
    list.erase(it);
    return true;
  }

  const OptionSpec& spec_;
  const Setting& s_;
  Config& c_;
  std::vector<std::string>& origins_;
};

class Loader {
 public:
  Loader(const LoadRequest& request, LoadedConfig& loaded)
      : request_(request),
        loaded_(loaded),
        read_(request.read_file ? request.read_file : read_config_file) {}

  std::vector<Setting> settings_of(const fs::path& file) {
    try {
      return read_settings(read_(file), file, loaded_.problems);
    } catch (const Error& e) {
      loaded_.problems.push_back(e);
      return {};
    }
  }

  // The base profiles first, then the profile itself.
  void apply_profile(const std::string& name, const Setting* wanted_by, const fs::path& dir) {
    const fs::path file = profile_file(name, dir, request_.source_dir);
    if (std::find(open_.begin(), open_.end(), file) != open_.end()) {
      report(wanted_by, "profile `" + name + "' is based on itself");
      return;
    }
    if (open_.size() >= kMostNested || ++applied_ > kMostProfiles) {
      report(wanted_by, "profile `" + name + "': too many profiles based on each other");
      return;
    }
    std::string text;
    try {
      text = read_(file);
    } catch (const Error& e) {
      const auto known = known_profiles(request_.source_dir);
      std::string message =
          "there is no profile `" + name + "' (" + file.string() + ": " + e.what() + ")";
      const std::string guess = did_you_mean(name, known);
      if (!guess.empty()) message += "; did you mean `" + guess + "'?";
      report(wanted_by, message);
      return;
    }
    open_.push_back(file);
    apply_file(read_settings(text, file, loaded_.problems), file.parent_path());
    open_.pop_back();
  }

  void apply_file(const std::vector<Setting>& settings, const fs::path& dir) {
    for (const auto& s : settings)
      if (s.option == "profile" && !s.value.empty()) apply_profile(s.value, &s, dir);
    for (const auto& s : settings)
      if (s.option != "profile") apply(s, loaded_);
  }

 private:
  // Links between folders can make one profile appear under ever new names.
  static constexpr size_t kMostNested = 16;
  static constexpr size_t kMostProfiles = 64;

  void report(const Setting* at, const std::string& message) {
    loaded_.problems.push_back(at ? problem_at(*at, message) : Error(message));
  }

  const LoadRequest& request_;
  LoadedConfig& loaded_;
  std::function<std::string(const fs::path&)> read_;
  std::vector<fs::path> open_;
  size_t applied_ = 0;
};

}  // namespace

std::vector<Setting> read_settings(std::string_view text, const fs::path& file,
                                   std::vector<Error>& problems) {
  const IniText ini = parse_ini(text);
  auto place = [&](int line) { return file.string() + ":" + std::to_string(line); };
  for (const auto& p : ini.problems) {
    Error e(p.message + "\n" + excerpt(text, p.line, ""));
    problems.push_back(e.at_file(place(p.line)));
  }
  std::vector<Setting> settings;
  for (const auto& entry : ini.entries) {
    const std::string key = option_key(entry.key);
    const std::string full = entry.section.empty() ? key : option_key(entry.section) + "-" + key;
    Setting s{find_option(full) ? full : key, entry.value, place(entry.line),
              excerpt(text, entry.line, entry.key), file.parent_path()};
    if (!find_option(s.option)) {
      std::string message = "unknown option `" + entry.key + "'";
      std::string guess = did_you_mean(full, option_names());
      if (guess.empty()) guess = did_you_mean(key, option_names());
      if (!guess.empty()) message += "; did you mean `" + guess + "'?";
      problems.push_back(problem_at(s, message));
      continue;
    }
    if (const auto* spec = find_option(s.option)) {
      s.excerpt = spec->secret
                      ? std::string()  // the line has the secret in it
                      : excerpt(text, entry.line, entry.value.empty() ? entry.key : entry.value);
    }
    settings.push_back(std::move(s));
  }
  return settings;
}

void apply(const Setting& setting, LoadedConfig& loaded) {
  const OptionSpec* spec = find_option(setting.option);
  if (!spec) {
    loaded.problems.push_back(problem_at(setting, "unknown option `" + setting.option + "'"));
    return;
  }
  const std::string wrong = std::visit(Setter(*spec, setting, loaded), spec->field);
  if (!wrong.empty()) loaded.problems.push_back(problem_at(setting, setting.option + ": " + wrong));
}

LoadedConfig load_config(const LoadRequest& request) {
  LoadedConfig loaded;
  Config& c = loaded.config;
  c.profile = "minimal";
  c.source_dir = request.source_dir;
  c.out_dir = request.working_dir / "out";
  c.cache_dir = "/var/cache/starling";

  Loader loader(request, loaded);
  std::vector<Setting> from_file;
  const fs::path config_file =
      request.config_file.empty()
          ? fs::path()
          : absolute_path(request.config_file.string(), request.working_dir);
  if (!config_file.empty()) from_file = loader.settings_of(config_file);

  // The last one to name a profile decides which is loaded; its values are the lowest layer.
  const Setting* chosen = nullptr;
  for (const auto& s : from_file)
    if (s.option == "profile") chosen = &s;
  for (const auto& s : request.command_line)
    if (s.option == "profile") chosen = &s;
  if (chosen && !chosen->value.empty()) {
    c.profile = chosen->value;
    loaded.origins["profile"] = {chosen->where};
  }
  const fs::path dir = chosen ? chosen->dir : request.working_dir;
  loader.apply_profile(c.profile, chosen, dir);
  const std::string name = c.profile;
  for (const auto* layer : {&std::as_const(from_file), &request.command_line})
    for (const auto& s : *layer)
      if (s.option != "profile") apply(s, loaded);
  // A profile that is a path is kept as an absolute one.
  if (name.find('/') != std::string::npos || name.ends_with(".ini"))
    c.profile = profile_file(name, dir, request.source_dir).string();
  return loaded;
}

fs::path profile_file(const std::string& name, const fs::path& dir, const fs::path& source_dir) {
  if (name.find('/') != std::string::npos || name.ends_with(".ini"))
    return absolute_path(name, dir);
  const fs::path in_tree = source_dir / "builder" / "profiles" / (name + ".ini");
  std::error_code ec;
  if (fs::exists(in_tree, ec)) return in_tree;
  const fs::path installed = source_dir / "profiles" / (name + ".ini");
  return fs::exists(installed, ec) ? installed : in_tree;
}

std::vector<std::string> known_profiles(const fs::path& source_dir) {
  std::vector<std::string> names;
  for (const fs::path& dir : {source_dir / "builder" / "profiles", source_dir / "profiles"}) {
    std::error_code ec;
    for (fs::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec))
      if (it->path().extension() == ".ini") names.push_back(it->path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find_source_dir(const fs::path& program, const fs::path& working_dir) {
  std::error_code ec;
  for (const fs::path& start : {program.parent_path(), working_dir}) {
    for (fs::path dir = start; dir.has_relative_path(); dir = dir.parent_path())
      if (fs::is_directory(dir / "kernel-config", ec) &&
          fs::is_directory(dir / "builder" / "profiles", ec))
        return dir;
  }
  return "/usr/share/starling";
}

std::string profile_name(const Config& config) {
  const fs::path p(config.profile);
  return p.extension() == ".ini" ? p.stem().string() : p.filename().string();
}

fs::path flock_key_file(const Config& config) {
  return config.flock_key.empty() ? config.out_dir / "flock.key" : config.flock_key;
}

}  // namespace starling::builder
