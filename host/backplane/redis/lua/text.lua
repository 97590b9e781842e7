-- largest is how many bytes a text from outside may have.
local largest = 4194304

-- isUTF8 reports whether text is UTF-8 (RFC 3629).
local function isUTF8(text)
  local function tail(byte, least, most) return byte and byte >= (least or 128) and byte <= (most or 191) end
  local at = string.find(text, '[\128-\255]')
  while at do
    local a, b, c, d = string.byte(text, at, at + 3)
    if a >= 194 and a < 224 and tail(b) then
      at = at + 2
    elseif a >= 224 and a < 240 and tail(b, a == 224 and 160, a == 237 and 159) and tail(c) then
      at = at + 3
    elseif a >= 240 and a < 245 and tail(b, a == 240 and 144, a == 244 and 143) and tail(c) and tail(d) then
      at = at + 4
    else
      return false
    end
    at = string.find(text, '[\128-\255]', at)
  end
  return true
end

-- asString writes text from outside as a JSON string, the form in which messages
-- are kept; or says what is wrong with it.
local function asString(text)
  if #text > largest then return nil, 'SIZE: a message has at most 4 MiB' end
  if not isUTF8(text) then return nil, 'UTF8: a message is UTF-8 text' end
  return cjson.encode(text)
end
