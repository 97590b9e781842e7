-- needs: common, era, stream
-- Reads a stream: channel, count and milliseconds to keep as a query asks for,
-- random text for a new epoch, then the query: after, since, limit, bytes and
-- whether the newest are wanted. Returns nothing where there is no stream, else
-- epoch, top, the oldest offset, that of the first message that follows, and
-- the time and the data of each message; newest first where those are wanted.
local count, ttl, seed = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local after, from, limit, bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local newest = ARGV[9] == '1'

-- range asks for messages, in the order that is wanted.
local function range(low, high, most)
  if newest then return redis.call('XREVRANGE', log, int(high), int(low), 'COUNT', int(most)) end
  return redis.call('XRANGE', log, int(low), int(high), 'COUNT', int(most))
end

-- unbroken reports whether entries are those from one offset to another: as many,
-- with these ends, and each with the second part 0, which no two share.
local function unbroken(entries, many, first, last)
  if #entries ~= many or entries[1][1] ~= int(first) .. '-0' or entries[many][1] ~= int(last) .. '-0' then return false end
  for i = 1, many do
    local entry = entries[i]
    if string.sub(entry[1], -2) ~= '-0' or entry[2][1] ~= 'time' or entry[2][3] ~= 'data' then return false end
  end
  return true
end

-- collect adds messages of a range to an answer. It asks for a few at a time,
-- about as many as there is room for, so that Lua never holds much more than it
-- answers with. It reports whether all that should be there were.
local function collect(answer, low, high, wanted)
  local size, at, most = 0, 4, bytes > 0 and 8 or 1000
  answer[4] = newest and high or low
  while wanted > 0 do
    most = math.min(most, wanted)
    local entries = range(low, high, most)
    if newest then
      if not unbroken(entries, most, high, high - most + 1) then return false end
      high = high - most
    else
      if not unbroken(entries, most, low, low + most - 1) then return false end
      low = low + most
    end
    for i = 1, most do
      local fields = entries[i][2]
      size = size + #fields[4]
      if bytes > 0 and size > bytes and at > 4 then return true end
      answer[at + 1], answer[at + 2] = fields[2], fields[4]
      at = at + 2
    end
    wanted, most = wanted - most, 1000
    if bytes > 0 and size > 0 then
      most = math.max(1, math.min(most, math.floor((bytes - size) * (at - 4) / 2 / size) + 1))
    end
  end
  return true
end

-- page answers the query, with nothing where the stream is not whole.
local function page(s)
  local first = oldest(s)
  if not first then return nil end
  local answer = {s.epoch .. '.' .. era(), s.top, first, 0}
  local low = math.max(first, after + 1)
  if from > 0 then low = since(low, s.top, from) end
  if not low then return nil end
  local wanted = s.top - low + 1
  if limit ~= 0 then wanted = math.min(wanted, limit) end
  if not collect(answer, low, s.top, wanted) then return nil end
  return answer
end

-- kept returns a stream that keeps what the query asks for.
local function kept(s)
  s = s or begin(seed)
  raise(s, count, ttl)
  save(s)
  return s
end

local s = open()
if count > 0 then s = kept(s) end
local answer = s and page(s)
if s and not answer then
  local anew = begin(seed) -- which drops what is not whole
  raise(anew, s.count, s.ttl)
  if count > 0 then answer = page(kept(anew)) end
end
return answer or false
