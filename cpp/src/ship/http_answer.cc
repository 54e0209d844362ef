#include "ship/http_answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>

#include "ship/wire_reader.h"

namespace forebay::ship {
namespace {

constexpr size_t kLongestMessage = 256;

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int month_of(std::string_view name) noexcept {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (name.size() != 3) return -1;
  const size_t at = kMonths.find(name);
  return at == std::string_view::npos || at % 3 != 0 ? -1 : static_cast<int>(at / 3);
}

bool number(std::string_view text, int& value) noexcept {
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0;
}

bool time_of_day(std::string_view text, std::tm& tm) noexcept {
  return text.size() == 8 && text[2] == ':' && text[5] == ':' &&
         number(text.substr(0, 2), tm.tm_hour) && number(text.substr(3, 2), tm.tm_min) &&
         number(text.substr(6, 2), tm.tm_sec) && tm.tm_hour < 24 && tm.tm_min < 60 &&
         tm.tm_sec <= 60;
}

// The three forms of RFC 9110 5.6.7. Not strptime: it follows the locale.
std::optional<std::time_t> parse_http_date(std::string_view text) {
  std::tm tm{};
  std::string_view month;
  bool good = false;
  if (text.size() == 29 && text.substr(3, 2) == ", ") {  // Sun, 06 Nov 1994 08:49:37 GMT
    month = text.substr(8, 3);
    good = number(text.substr(5, 2), tm.tm_mday) && number(text.substr(12, 4), tm.tm_year) &&
           time_of_day(text.substr(17, 8), tm) && text.substr(25) == " GMT";
  } else if (text.size() == 24) {  // Sun Nov  6 08:49:37 1994
    month = text.substr(4, 3);
    good = number(text.substr(8, 2), tm.tm_mday) && time_of_day(text.substr(11, 8), tm) &&
           number(text.substr(20, 4), tm.tm_year);
  } else if (const size_t comma = text.find(", ");
             comma != std::string_view::npos && text.size() == comma + 24) {
    // Sunday, 06-Nov-94 08:49:37 GMT. No sender is that old: the century is this one.
    const std::string_view rest = text.substr(comma + 2);
    month = rest.substr(3, 3);
    good = number(rest.substr(0, 2), tm.tm_mday) && number(rest.substr(7, 2), tm.tm_year) &&
           time_of_day(rest.substr(10, 8), tm) && rest.substr(18) == " GMT";
    tm.tm_year += 2000;
  }
  tm.tm_mon = month_of(month);
  if (!good || tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31) return std::nullopt;
  tm.tm_year -= 1900;
  return ::timegm(&tm);
}

bool is_protobuf(std::string_view content_type) noexcept {
  return content_type.starts_with("application/x-protobuf") ||
         content_type.starts_with("application/protobuf");
}

// google.rpc.Status: its message is field 2.
std::string_view status_message(std::string_view body) noexcept {
  std::string_view message;
  WireReader reader(as_bytes(body));
  WireField field;
  while (reader.next(field)) {
    if (field.number == 2 && field.type == WireType::kBytes) message = as_text(field.bytes);
  }
  return reader.corrupt() ? std::string_view() : message;
}

// A stranger's text: no control characters (a terminal would obey them), no line breaks, not long.
std::string shown(std::string_view text) {
  std::string line;
  for (const char c : trimmed(text).substr(0, kLongestMessage)) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return line;
}

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 400:
      return " Bad Request";
    case 401:
      return " Unauthorized";
    case 403:
      return " Forbidden";
    case 404:
      return " Not Found";
    case 413:
      return " Content Too Large";
    case 415:
      return " Unsupported Media Type";
    case 429:
      return " Too Many Requests";
    case 500:
      return " Internal Server Error";
    case 502:
      return " Bad Gateway";
    case 503:
      return " Service Unavailable";
    case 504:
      return " Gateway Timeout";
    default:
      return "";
  }
}

Rejection rejection_of(int status) noexcept {
  if (status == 400) return Rejection::kBadRequest;
  if (status == 401 || status == 403) return Rejection::kUnauthorized;
  return Rejection::kOther;
}

void classify_success(const HttpResponse& response, uint64_t records, Attempt& attempt,
                      bool& malformed) {
  attempt.kind = Attempt::Kind::kDelivered;
  const bool readable = !response.body_truncated &&
                        (response.content_type.empty() || is_protobuf(response.content_type));
  std::optional<PartialSuccess> partial;
  if (response.body.empty() && !response.body_truncated) partial = PartialSuccess{};
  if (!partial && readable) partial = parse_partial_success(response.body);
  // The status alone says that the batch was taken; sending it again would be a duplicate.
  malformed =
      !partial || partial->rejected < 0 || static_cast<uint64_t>(partial->rejected) > records;
  if (!partial) {
    attempt.message = std::to_string(response.status) + " with an unreadable body";
    return;
  }
  attempt.rejected =
      partial->rejected < 0 ? 0 : std::min(static_cast<uint64_t>(partial->rejected), records);
  attempt.message = shown(partial->message);
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view value, WallTime now) {
  value = trimmed(value);
  if (value.empty()) return std::nullopt;
  const bool digits = std::all_of(value.begin(), value.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (digits) {
    int64_t seconds = 0;
    const auto result = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (result.ec == std::errc::result_out_of_range) return kLongestRetryAfter;
    return std::min(std::chrono::seconds{std::min<int64_t>(seconds, 86'400)}, kLongestRetryAfter);
  }
  const std::optional<std::time_t> date = parse_http_date(value);
  if (!date) return std::nullopt;
  const auto now_s = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (*date <= now_s) return std::nullopt;
  return std::min(std::chrono::seconds{std::min<int64_t>(*date - now_s, 86'400)},
                  kLongestRetryAfter);
}

std::optional<PartialSuccess> parse_partial_success(std::string_view body) {
  PartialSuccess partial;
  WireReader response(as_bytes(body));
  WireField outer;
  while (response.next(outer)) {
    if (outer.number != 1) continue;
    if (outer.type != WireType::kBytes) return std::nullopt;
    WireReader inner(outer.bytes);
    WireField field;
    while (inner.next(field)) {
      if (field.number == 1 && field.type == WireType::kVarint) {
        partial.rejected = static_cast<int64_t>(field.value);
      } else if (field.number == 2 && field.type == WireType::kBytes) {
        partial.message = std::string(as_text(field.bytes));
      } else if (field.number <= 2) {
        return std::nullopt;
      }
    }
    if (inner.corrupt()) return std::nullopt;
  }
  if (response.corrupt()) return std::nullopt;
  return partial;
}

std::string describe_answer(const HttpResponse& response) {
  std::string text = std::to_string(response.status);
  text += reason_of(response.status);
  const std::string_view says =
      is_protobuf(response.content_type) ? status_message(response.body) : response.body;
  if (const std::string line = shown(says); !line.empty()) text += ": " + line;
  return text;
}

void classify_answer(const HttpResponse& response, uint64_t records, WallTime now, Attempt& attempt,
                     bool& malformed) {
  malformed = false;
  attempt.answered = true;
  const int status = response.status;
  if (status >= 200 && status <= 299) {
    classify_success(response, records, attempt, malformed);
    return;
  }
  attempt.message = describe_answer(response);
  const bool retryable = status == 429 || (status >= 502 && status <= 504);
  // A response beyond the limit is final, whatever its status (OTLP 1.11, response size limit).
  if (retryable && !response.body_truncated) {
    attempt.kind = Attempt::Kind::kRetry;
    attempt.busy = status == 429 || status == 503;
    attempt.retry_after = parse_retry_after(response.retry_after, now);
  } else if (status == 413) {
    attempt.kind = Attempt::Kind::kTooLarge;
  } else {
    attempt.kind = Attempt::Kind::kRejected;
    attempt.rejection = rejection_of(status);
  }
}

}  // namespace forebay::ship
