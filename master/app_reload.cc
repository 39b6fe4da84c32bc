// The master's reload: zones, cookie secrets, certificates, and what of a changed configuration can be taken
// over while it runs (reload_plan.hh). See app.hh.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "common/base/log.hh"
#include "master/app.hh"
#include "master/web_fronts.hh"
#include "master/zones.hh"

namespace flagfall::master {

Result<std::shared_ptr<const dns::Cookies>> load_cookies(const Config& config, Random& random) {
  if (!config.cookies.secrets.empty()) {
    auto loaded = dns::Cookies::load(config.cookies.secrets.text);
    if (!loaded) return Error{loaded.error()};
    return std::make_shared<const dns::Cookies>(std::move(*loaded));
  }
  dns::Cookies::Secret secret{};
  for (std::size_t i = 0; i < secret.size(); i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(secret.data() + i, &word, sizeof word);
  }
  return std::make_shared<const dns::Cookies>(std::vector{secret});
}

/// What is read in another thread, since a million records take seconds and slaves want their heartbeats.
struct App::Files {
  std::string error;
  ReloadPlan plan;
  std::shared_ptr<const Zones> zones;
  std::shared_ptr<const dns::Cookies> cookies;  // null: those that there are stay
  DirectorFiles director;
  std::shared_ptr<const net::WebTls> tls;  // null: nobody is served over TLS

  bool read(const Config& now, const daemon::ReadAgain<Config>& again, const std::vector<bool>& delegated);

 private:
  template <class T>
  bool good(const Result<T>& result) {
    if (!result) error = result.error();
    return result.ok();
  }
};

bool App::Files::read(const Config& now, const daemon::ReadAgain<Config>& again,
                      const std::vector<bool>& delegated) {
  SystemRandom random;
  auto fresh = again ? again() : Result<Config>(now);
  if (!good(fresh)) return false;
  auto planned = plan_reload(now, *fresh);
  if (!good(planned)) return false;
  plan = std::move(*planned);
  auto loaded = load_zones(plan.next, random, delegated);
  if (!good(loaded)) return false;
  zones = std::move(*loaded);
  const bool other_secrets = plan.next.cookies.secrets.text != now.cookies.secrets.text;
  if (other_secrets || !plan.next.cookies.secrets.empty()) {
    auto secrets = load_cookies(plan.next, random);
    if (!good(secrets)) return false;
    cookies = std::move(*secrets);
  }
  auto certificates = load_web_tls(plan.next);
  if (!good(certificates)) return false;
  tls = std::move(*certificates);
  auto files = read_director_files(plan.next);
  if (!good(files)) return false;
  director = std::move(*files);
  return true;
}

void App::reload(Reload what, const WhenReloaded& done) {
  Reloaded told;
  told.dry_run = what == Reload::dry_run;
  if (reader_->busy()) {
    told.error = "another reload is under way; try again when it is done";
    log::warn("reload: {}", told.error);
    return done(told);
  }
  if (!told.dry_run) zones_for_ = delegation_.all();
  reader_->start([this, what, told, done, again = what == Reload::zones ? nullptr : read_again_,
                  now = config_, delegated = delegation_.all()]() -> net::Callback {
    auto files = std::make_shared<Files>();
    (void)files->read(now, again, delegated);
    return [this, what, told, done, files]() mutable {
      told.error = std::move(files->error);
      told.zones = files->zones ? files->zones->size() : 0;
      told.changed = files->plan.applied;
      told.needs_restart = files->plan.needs_restart;
      if (told.error.empty() && !told.dry_run) told.error = take_over(std::move(*files));
      if (!told.error.empty()) log::error("reload: {}; all stays as it is", told.error);
      if (told.error.empty() && what == Reload::all) log_reload(told);
      done(told);
    };
  });
}

void App::hang_up() {
  reload(Reload::all, [this](const Reloaded& told) {
    audit_->write({clock_.real(),
                   "SIGHUP",
                   "a signal",
                   {},
                   {},
                   told.error.empty(),
                   told.error.empty() ? "done" : told.error});
  });
}

/// Why nothing has changed; empty: all has.
std::string App::take_over(Files files) {
  if (const Status read = hub_->reload_certificates(); !read) return read.error();
  if (const Status read = admin_->reload(); !read) return read.error();
  if (files.tls) {
    web_tls_ = std::move(files.tls);
    for (const auto& loop : loops_.web)
      if (loop->scheme() == WebScheme::https) loop->renew(web_tls_);
  }
  retired_.push_back(std::exchange(zones_, std::move(files.zones)));
  if (files.cookies != nullptr) cookies_ = std::move(files.cookies);
  adopt(*own_config_, files.plan.next);
  director_->reconfigure(files.director);
  hurry_or_not();
  if (!files.plan.applied.empty()) {
    // Made anew in their places: who refers to them goes on with the new ones.
    builder_.emplace(config_, service_addresses(config_));
    delays_->reconfigure();
    hub_->update(builder_->services());  // what has changed is sent
  }
  (void)director_->tick();
  publish();
  return {};
}

void App::log_reload(const Reloaded& told) const {
  log::info("reload: {} zones{} and the certificates are read again", zones_->size(),
            config_.cookies.secrets.empty() ? "" : ", the cookie secrets");
  for (const config::Difference& one : told.changed) log::info("reload: {}", config::to_text(one));
  for (const config::Difference& one : told.needs_restart)
    log::warn("reload: {}: needs a restart", config::to_text(one));
}

}  // namespace flagfall::master
