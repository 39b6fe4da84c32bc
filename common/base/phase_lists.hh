// Things that are in one phase each, such as connections: a list for each phase, who is in it longest in
// front. So who is overdue is found without looking at the others, and nothing is allocated by a change of
// phase.
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <list>
#include <utility>

#include "common/base/time.hh"

namespace flagfall {

/// What a thing knows of its place; T derives from it.
template <class T, class Phase>
struct InPhase {
  typename std::list<T>::iterator self;
  Phase phase{};
  MonoTime since;  // when its phase began
};

/// `Phase`: an enum whose values are less than `kPhases`.
template <class T, class Phase, std::size_t kPhases>
class PhaseLists {
 public:
  template <class... Args>
  T& add(Phase phase, MonoTime now, Args&&... args) {
    std::list<T>& to = in(phase);
    T& added = to.emplace_back(std::forward<Args>(args)...);
    added.self = std::prev(to.end());
    added.phase = phase;
    added.since = now;
    ++size_;
    return added;
  }
  /// Also of the phase that it is in: its time begins anew.
  void enter(T& each, Phase phase, MonoTime now) {
    std::list<T>& to = in(phase);
    to.splice(to.end(), in(each.phase), each.self);
    each.phase = phase;
    each.since = now;
  }
  void erase(T& each) {
    --size_;
    in(each.phase).erase(each.self);
  }
  /// end_of(T&) for each that has been in `phase` for `most`; it must put it elsewhere or erase it.
  template <class F>
  void overdue(Phase phase, Nanos most, MonoTime now, F end_of) {
    std::list<T>& all = in(phase);
    while (!all.empty() && now - all.front().since >= most) end_of(all.front());
  }
  /// Who is in the first of these phases that anybody is in, longest; null: nobody.
  template <class Phases>
  [[nodiscard]] T* longest(const Phases& phases) {
    for (const Phase phase : phases)
      if (std::list<T>& all = in(phase); !all.empty()) return &all.front();
    return nullptr;
  }

  [[nodiscard]] std::list<T>& in(Phase phase) { return lists_.at(static_cast<std::size_t>(phase)); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::array<std::list<T>, kPhases> lists_;
  std::size_t size_ = 0;
};

}  // namespace flagfall
