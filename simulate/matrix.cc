#include "simulate/matrix.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "director/whole_file.hh"
#include "simulate/fields.hh"

namespace flagfall::simulate {
namespace {

/// Ends when there are too many: a line may be as long as the file.
void split(std::string_view line, std::vector<std::string_view>& out) {
  constexpr std::size_t kEnough = kMostColumns + 2;  // a name in front, and one too many
  out.clear();
  if (line.find(',') != std::string_view::npos) {
    for (std::size_t from = 0;;) {
      const auto comma = line.find(',', from);
      out.push_back(field(line.substr(from, comma == std::string_view::npos ? comma : comma - from)));
      if (comma == std::string_view::npos || out.size() == kEnough) return;
      from = comma + 1;
    }
  }
  for (std::size_t at = line.find_first_not_of(kBlank);
       at != std::string_view::npos && out.size() < kEnough;) {
    const auto end = line.find_first_of(kBlank, at);
    out.push_back(field(line.substr(at, end == std::string_view::npos ? end : end - at)));
    at = end == std::string_view::npos ? end : line.find_first_not_of(kBlank, end);
  }
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return value;
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  Status line(std::string_view text) {
    ++line_;
    text = trimmed(text);
    if (text.starts_with('#')) return Ok{};
    if (text.empty()) return end_slice();
    split(text, fields_);
    const bool words = in_slice_ ? named_ : !number(fields_.front());
    if (fields_.size() - (words ? 1 : 0) > kMostColumns)
      return wrong(fmt::format("more than {} columns", kMostColumns));
    if (!in_slice_) {
      in_slice_ = true;
      row_ = 0;
      if (out_.slices >= kMostSlices) return wrong(fmt::format("more than {} slices", kMostSlices));
      if (out_.slices > 0 && words != named_)
        return wrong("names of columns stand in front of all slices, or of none");
      named_ = words;
      if (named_) return header();
    }
    return row();
  }

  Result<Matrix> end() {
    if (const Status good = end_slice(); !good) return Error{good.error()};
    if (out_.slices == 0) return Error{name_ + ": no line of figures"};
    return std::move(out_);
  }

 private:
  [[nodiscard]] Error wrong(const std::string& what) const {
    return Error{fmt::format("{}:{}: {}", name_, line_, what)};
  }

  [[nodiscard]] std::optional<Error> bad_name(std::string_view text) const {
    const auto odd = [](unsigned char c) { return c == ' ' || no_letter(c); };
    if (!text.empty() && text.size() <= kMostName && std::ranges::none_of(text, odd)) return std::nullopt;
    return wrong(fmt::format("a name has 1 to {} characters, and no blank or quote", kMostName));
  }

  Status header() {
    std::vector<std::string> names;
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 1; i < fields_.size(); ++i) {
      if (const auto bad = bad_name(fields_[i])) return *bad;
      if (!seen.insert(fields_[i]).second) return wrong(fmt::format("column '{}' twice", fields_[i]));
      names.emplace_back(fields_[i]);
    }
    if (names.empty())
      return wrong("the first line names the columns behind its first word, and there is none");
    if (out_.slices > 0 && names != out_.columns) return wrong("other columns than in the first slice");
    out_.columns = std::move(names);
    return Ok{};
  }

  Status row() {
    const std::size_t names = named_ ? 1 : 0;
    if (out_.columns.empty())
      for (std::size_t i = 1; i <= fields_.size(); ++i) out_.columns.push_back(std::to_string(i));
    if (fields_.size() != out_.columns.size() + names)
      return wrong(fmt::format("{} figures, and not {} as in the first line",
                               fields_.size() - std::min(names, fields_.size()), out_.columns.size()));
    if (named_)
      if (const auto bad = bad_name(fields_.front())) return *bad;
    const std::string name = named_ ? std::string(fields_.front()) : std::to_string(row_ + 1);
    if (out_.slices == 0) {
      if (named_ && !row_names_.insert(name).second) return wrong(fmt::format("row '{}' twice", name));
      if (out_.rows.size() >= kMostRows) return wrong(fmt::format("more than {} rows", kMostRows));
      out_.rows.push_back(name);
    } else if (row_ >= out_.rows.size() || out_.rows[row_] != name) {
      return wrong(fmt::format("row '{}' is not the first slice's", name));
    }
    ++row_;
    if (out_.ms.size() + out_.columns.size() > kMostCells)
      return wrong(fmt::format("more than {} figures", kMostCells));
    for (std::size_t i = names; i < fields_.size(); ++i) {
      const auto value = number(fields_[i]);
      if (!value || !(*value >= 0 && *value <= kLongest))
        return wrong(fmt::format("figure {}: '{}' is no time from 0 to {:g} ms", i - names + 1,
                                 fields_[i].substr(0, 40), kLongest));
      out_.ms.push_back(static_cast<float>(*value));
    }
    return Ok{};
  }

  Status end_slice() {
    if (!in_slice_) return Ok{};
    in_slice_ = false;
    if (row_ == 0) return wrong("names of columns, and no row behind them");
    if (row_ != out_.rows.size())
      return wrong(fmt::format("a slice of {} rows, and not {} as the first", row_, out_.rows.size()));
    ++out_.slices;
    return Ok{};
  }

  const std::string& name_;
  std::size_t line_ = 0;
  std::vector<std::string_view> fields_;
  std::unordered_set<std::string> row_names_;
  Matrix out_;
  bool in_slice_ = false, named_ = false;
  std::size_t row_ = 0;
};

}  // namespace

Result<Matrix> parse_matrix(std::string_view text, const std::string& name) {
  Reader reader(name);
  text = without_mark(text);
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (const Status good = reader.line(text.substr(0, end)); !good) return Error{good.error()};
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return reader.end();
}

Status append(Matrix& matrix, Matrix more, const std::string& name) {
  if (more.rows != matrix.rows || more.columns != matrix.columns)
    return Error{fmt::format("{}: {} rows and {} columns, and not those of the first file ({} and {})", name,
                             more.rows.size(), more.columns.size(), matrix.rows.size(),
                             matrix.columns.size())};
  if (matrix.ms.size() + more.ms.size() > kMostCells || matrix.slices + more.slices > kMostSlices)
    return Error{fmt::format("{}: more than {} figures or {} slices in all", name, kMostCells, kMostSlices)};
  matrix.slices += more.slices;
  matrix.ms.insert(matrix.ms.end(), more.ms.begin(), more.ms.end());
  return Ok{};
}

Result<Matrix> load_matrix(const std::vector<std::string>& paths) {
  Matrix out;
  for (const std::string& path : paths) {
    const auto text = director::read_whole_file(path, kMostFile);
    if (!text) return Error{text.error()};
    auto one = parse_matrix(*text, path);
    if (!one) return one;
    if (out.slices == 0)
      out = std::move(*one);
    else if (const Status good = append(out, std::move(*one), path); !good)
      return Error{good.error()};
  }
  return out;
}

}  // namespace flagfall::simulate
