// What Forebay has to say about itself: a line on stderr, rarely.
#pragma once
#include <string_view>

namespace forebay {

// Writes "forebay: <text>" to stderr, at most once a minute for each key, and never through a
// logger. Never allocates, safe from any thread. Key: a literal such as "encoding_fallback".
void warn(std::string_view key, std::string_view text) noexcept;
// The same, once in the life of the process.
void warn_once(std::string_view key, std::string_view text) noexcept;
// The same for each name (an instrument's, say), of which a program may have many: those of the
// first 64 are told of. They are kept apart from the keys, and silence none.
void warn_once(std::string_view key, std::string_view name, std::string_view text) noexcept;

// The same, each time: for who has a limit of his own.
void say(std::string_view text) noexcept;

}  // namespace forebay
