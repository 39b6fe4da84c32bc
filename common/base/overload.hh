// One visitor out of several lambdas, for std::visit.
#pragma once

namespace flagfall {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;  // clang 14 does not deduce aggregates

}  // namespace flagfall
