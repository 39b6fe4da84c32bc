// A daemon that applies a changed configuration file while it runs: like bind() in daemon.hh, and the program
// is given the way to read its file again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/daemon/daemon.hh"

namespace flagfall::daemon {

/// What the file says now; an error is all errors of it. Any thread.
template <class Config>
using ReadAgain = std::function<Result<Config>()>;

/// `make`: (const Config&, ReadAgain<Config>) -> Result<std::unique_ptr<Program>>; the configuration outlives
/// the program.
template <class Config, class Make>
Binding bind_reloadable(config::Schema<Config> schema, Make make) {
  return {[schema = std::move(schema),
           make = std::move(make)](const std::string& path) -> Result<Binding::Loaded> {
    Result<Config> loaded = schema.load(path);
    if (!loaded) return Error{loaded.error()};
    auto config = std::make_shared<const Config>(std::move(*loaded));
    const ReadAgain<Config> again = [schema, path] { return schema.load(path); };
    return Binding::Loaded{
        config->log.level, [schema, config] { return schema.print(*config); },
        [make, config, again]() -> Result<std::unique_ptr<Program>> { return make(*config, again); }};
  }};
}

}  // namespace flagfall::daemon
