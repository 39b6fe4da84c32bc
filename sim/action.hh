// Something to do later: a callable in a fixed room of its own, so that an event
// costs no allocation. One that is larger, or that cannot move without throwing,
// lives on the heap. Moves only, runs as often as it is called.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace flagfall::sim {

class Action;
template <class F>
concept Todo = !std::is_same_v<std::remove_cvref_t<F>, Action> && std::is_invocable_v<std::decay_t<F>&>;

class Action {
 public:
  /// Enough for a process's timer around a handful of words, or around a string.
  static constexpr std::size_t kRoom = 88;

  template <Todo F>
  Action(F&& callable) {  // NOLINT(*-explicit-*, *-forwarding-reference-overload, *-member-init): raw room
    using Callable = std::decay_t<F>;
    if constexpr (sizeof(Callable) <= kRoom && alignof(Callable) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Callable>) {
      new (static_cast<void*>(room_)) Callable(std::forward<F>(callable));
      kind_ = &kInPlace<Callable>;
    } else {
      new (static_cast<void*>(room_)) std::unique_ptr<Callable>(new Callable(std::forward<F>(callable)));
      kind_ = &kOnHeap<Callable>;
    }
  }
  // NOLINTNEXTLINE(*-member-init): raw room
  Action(Action&& other) noexcept : kind_(other.kind_) { kind_->move(other.room_, room_); }
  Action& operator=(Action&& other) noexcept {
    if (this == &other) return *this;
    kind_->destroy(room_);
    kind_ = other.kind_;
    kind_->move(other.room_, room_);
    return *this;
  }
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  ~Action() { kind_->destroy(room_); }

  void operator()() { kind_->run(room_); }

 private:
  struct Kind {
    void (*run)(void* room);
    void (*move)(void* from, void* to) noexcept;  // `from` can still be destroyed
    void (*destroy)(void* room) noexcept;
  };
  template <class T>
  static T& as(void* room) {
    return *std::launder(static_cast<T*>(room));
  }
  template <class T>
  static void move_to(void* from, void* to) noexcept {
    new (to) T(std::move(as<T>(from)));
  }
  template <class T>
  static void destroy_at(void* room) noexcept {
    std::destroy_at(&as<T>(room));
  }
  template <class F>
  static constexpr Kind kInPlace{[](void* room) { as<F>(room)(); }, move_to<F>, destroy_at<F>};
  template <class F>
  static constexpr Kind kOnHeap{[](void* room) { (*as<std::unique_ptr<F>>(room))(); },
                                move_to<std::unique_ptr<F>>, destroy_at<std::unique_ptr<F>>};

  const Kind* kind_;
  alignas(std::max_align_t) std::byte room_[kRoom];  // NOLINT(*-avoid-c-arrays): raw room
};

}  // namespace flagfall::sim
