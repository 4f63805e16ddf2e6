// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/cli/arguments.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <iostream>

#include "builder/config/did_you_mean.h"
#include "builder/config/options.h"
#include "builder/config/validate.h"

namespace starling::builder {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

Error usage_error(const std::string& verb, const std::string& message) {
  Error e(message);
  e.hint("see: clusterbuild " + verb + " --help");
  e.exit_with(2);
  return e;
}

std::string unknown_option_text(const po::unknown_option& e, const po::options_description& all) {
  const std::string name = e.get_option_name();
  std::vector<std::string> known;
  for (const auto& o : all.options()) known.push_back(o->long_name());
  std::string word = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  word = word.substr(0, word.find('='));
  const std::string guess = did_you_mean(word, known);
  return "unknown option `" + name + "'" +
         (guess.empty() ? "" : "; did you mean `--" + guess + "'?");
}

}  // namespace

Arguments parse_arguments(const ArgumentSpec& spec, const Args& args) {
  po::options_description shown;
  po::options_description general("General options");
  general.add_options()("help,h", "show this help");
  if (spec.config)
    general.add_options()("config,c", po::value<std::string>()->value_name("FILE"),
                          "config file (INI); the same as naming it without --config");
  shown.add(spec.own).add(general);
  if (spec.config) shown.add(config_options());
  po::options_description all;
  all.add(shown).add_options()("argument", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("argument", -1);

  Arguments result;
  po::parsed_options parsed(&all);
  try {
    namespace style = po::command_line_style;
    // Abbreviations would change their meaning with every new option.
    parsed = po::command_line_parser(args)
                 .options(all)
                 .positional(positional)
                 .style(style::unix_style & ~style::allow_guessing)
                 .run();
    po::store(parsed, result.values);
  } catch (const po::unknown_option& e) {
    throw usage_error(spec.verb, unknown_option_text(e, all));
  } catch (const po::error& e) {
    throw usage_error(spec.verb, e.what());
  }
  if (result.has("help")) {
    const Verb* verb = find_verb(spec.verb);
    std::cout << "Usage: clusterbuild " << verb->usage << "\n" << verb->summary << "\n" << shown;
    throw HelpShown();
  }
  if (result.has("argument"))
    result.positional = result.values["argument"].as<std::vector<std::string>>();
  if (result.has("config")) result.config_file = result.values["config"].as<std::string>();
  if (spec.config && !spec.config_is_option_only && result.config_file.empty() &&
      !result.positional.empty()) {
    result.config_file = result.positional.front();
    result.positional.erase(result.positional.begin());
  }
  if (result.positional.size() > static_cast<size_t>(spec.most_positional))
    throw usage_error(spec.verb, "`" +
                                     result.positional[static_cast<size_t>(spec.most_positional)] +
                                     "' is one argument too many");
  const fs::path here = fs::current_path();
  for (const auto& option : parsed.options) {
    if (!find_option(option.string_key)) continue;
    for (const auto& value : option.value)
      result.settings.push_back({option.string_key, value, "command line", "", here});
  }
  return result;
}

LoadedConfig load_for(const Arguments& arguments) {
  LoadRequest request;
  request.working_dir = fs::current_path();
  request.config_file = arguments.config_file;
  request.command_line = arguments.settings;
  std::error_code ec;
  request.source_dir = find_source_dir(fs::read_symlink("/proc/self/exe", ec), request.working_dir);
  // The profile is looked for in it, so it must be known before anything is loaded.
  for (const auto& s : arguments.settings)
    if (s.option == "source-dir") request.source_dir = (s.dir / s.value).lexically_normal();
  LoadedConfig loaded = load_config(request);
  validate(loaded);
  return loaded;
}

Config load_checked(const Arguments& arguments) {
  LoadedConfig loaded = load_for(arguments);
  throw_problems(loaded);
  return loaded.config;
}

po::options_description status_options() {
  po::options_description options("Options of this command");
  options.add_options()("explain", "say why each stage runs")(
      "json", "events for programs, one JSON object per line")("quiet,q", "print errors only")(
      "verbose,v", "print every line of every tool");
  return options;
}

}  // namespace starling::builder
