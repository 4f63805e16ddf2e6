// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "builder/core/command.h"
#include "builder/core/fingerprint.h"

namespace starling::builder {

struct Config;  // builder/config/config.h

// What a running stage may use. Made by the engine, one per run of a stage.
class StageContext {
 public:
  virtual ~StageContext() = default;
  virtual const Config& config() const = 0;
  // An empty directory the stage fills. The engine commits it to the cache by one rename when
  // run() returns; on any exception, signal or power cut it never becomes visible.
  virtual const std::filesystem::path& output() const = 0;
  // Scratch space, removed when the stage ends however it ends. Same file system as output().
  virtual const std::filesystem::path& scratch() const = 0;
  // Space that outlives runs and may be lost at any time: ccache, downloaded .debs.
  virtual std::filesystem::path persistent(const std::string& name) const = 0;
  // The committed output of a stage this one needs. Read only.
  virtual const std::filesystem::path& result_of(const std::string& stage) const = 0;
  // A Command already pointed at this stage's log.
  virtual Command command(std::vector<std::string> argv) = 0;
  // What is going on now, for the live line; `done` in 0..1, negative if unknown.
  virtual void progress(const std::string& what, double done = -1) = 0;
  // Seconds since the epoch that every timestamp in the outputs is set to.
  virtual long source_date_epoch() const = 0;
  // Registers a mount made under scratch(), so that the engine unmounts it (lazily if it must)
  // however the stage ends.
  virtual void mounted(const std::filesystem::path& where) = 0;
};

// One step of a build. A stage is stateless: read() says what it depends on, run() does it.
// Its cache key is the digest of read() and of the digests of the stages it needs.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual std::string name() const = 0;     // "kernel-source": also the cache folder's name
  virtual std::string purpose() const = 0;  // "unpack and patch the kernel source"
  virtual std::vector<std::string> needs(const Config&) const = 0;
  virtual void read(const Config&, Fingerprint&) const = 0;
  virtual void run(StageContext&) const = 0;

  // Called once per build, under the cache's lock and before anything is fingerprinted, in the
  // order of all_stages(): for what must be looked up outside before the inputs are known, such
  // as the state of the Debian mirror. Must be quick when there is nothing new; `plan` does not
  // call it.
  virtual void prepare(const Config&) const {}
  // Whether the output's files are published to out_dir (same relative paths) when the whole
  // build has succeeded.
  virtual bool published() const { return false; }
  // Whether the outputs depend on source_date_epoch(); when true it is part of the cache key.
  virtual bool dated() const { return true; }
};

}  // namespace starling::builder
