#include "figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

namespace forebay::bench {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0.0;
  const double rank = std::ceil(q * static_cast<double>(values.size()));
  const size_t index = rank < 1.0 ? 0 : static_cast<size_t>(rank) - 1;
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(index, values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

void Figures::add(std::string_view name, double value) {
  values_[std::string(name)].push_back(value);
}

void Figures::note(std::string_view name, std::string_view text) {
  notes_[std::string(name)] = std::string(text);
}

double Figures::median(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? 0.0 : quantile(found->second, 0.5);
}

std::string Figures::json() const {
  std::ostringstream out;
  out.precision(6);
  out << "{\"figures\": {";
  const char* comma = "";
  for (const auto& [name, values] : values_) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    out << comma << "\n  " << quoted(name) << ": {\"median\": " << quantile(values, 0.5)
        << ", \"min\": " << *least << ", \"max\": " << *most << ", \"repeats\": " << values.size()
        << "}";
    comma = ",";
  }
  out << "\n}, \"notes\": {";
  comma = "";
  for (const auto& [name, text] : notes_) {
    out << comma << "\n  " << quoted(name) << ": " << quoted(text);
    comma = ",";
  }
  out << "\n}}\n";
  return out.str();
}

bool write_json(const Figures& figures, const std::string& path) {
  if (path.empty()) {
    std::cout << figures.json();
    return true;
  }
  std::ofstream file(path);
  file << figures.json();
  file.close();
  if (!file) std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return static_cast<bool>(file);
}

}  // namespace forebay::bench
