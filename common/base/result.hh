// A value, or one line that says what went wrong. For what the outside world
// (files, peers, operators) gets wrong; our own bugs assert instead.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace flagfall {

/// What happened and what to do, in one line without a full stop.
struct Error {
  std::string text;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(*-explicit-*)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(*-explicit-*)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] T& value() {
    assert(ok());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T& value() const {
    assert(ok());
    return std::get<0>(state_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const std::string& error() const {
    assert(!ok());
    return std::get<1>(state_).text;
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value.
struct Ok {};
using Status = Result<Ok>;

}  // namespace flagfall
