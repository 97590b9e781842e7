-- optional reads a value that may be none, which is false: its first argument
-- says whether it is there.
local function optional(i) return ARGV[i] == '1' and ARGV[i + 1] end
