// What web clients speak to a front end.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/http/request.hh"

namespace flagfall::master {

enum class WebScheme : std::uint8_t { http, https, rtsp };
inline constexpr std::array<WebScheme, 3> kWebSchemes = {WebScheme::http, WebScheme::https, WebScheme::rtsp};

/// As URIs have it.
constexpr std::string_view name_of(WebScheme scheme) {
  return scheme == WebScheme::http ? "http" : scheme == WebScheme::https ? "https" : "rtsp";
}
constexpr http::Protocol protocol_of(WebScheme scheme) {
  return scheme == WebScheme::rtsp ? http::Protocol::rtsp : http::Protocol::http;
}

}  // namespace flagfall::master
