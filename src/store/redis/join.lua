-- A node joins, or joins again after it was away: which epoch holds, and whether everything is there
-- that the node knows of.
-- ARGV: run id of this process of Redis, an epoch and a key for groups of names if there are none,
-- numbers to leave out when the process is another one, and the epoch and newest number that the
-- node knows, or '' and 0.
-- Answers: epoch, key of groups, newest number, oldest number in the stream or 0, milliseconds since
-- 1970, and 'whole', 'behind' (what follows the node's newest has been trimmed) or 'anew'.
local kinds = { 'hash', 'stream', 'hash', 'hash', 'zset', 'zset', 'zset' }
for n, kind in ipairs(kinds) do
  local found = redis.call('TYPE', KEYS[n]).ok
  if found ~= 'none' and found ~= kind then
    return redis.error_reply('TOLLWAYKEY ' .. KEYS[n] .. ' is a ' .. found)
  end
end
local function number_of(entry) return entry and tonumber(string.match(entry[1], '^(%d+)-')) or 0 end
local function text(number) return string.format('%.0f', number) end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if first and first[2][1] ~= 't' then
  return redis.error_reply('TOLLWAYKEY ' .. KEYS[2] .. ' is a stream of another program')
end
local meta = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'groups', 'tip', 'run')
local epoch, groups, tip = meta[2], meta[3], tonumber(meta[4] or 0)
if meta[1] and meta[1] ~= '1' then
  return redis.error_reply('TOLLWAYVERSION ' .. meta[1])
end
if not epoch then
  -- It is empty, or has lost what says which numbering this is.
  epoch, groups = ARGV[2], ARGV[3]
  tip = number_of(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1])
  redis.call('DEL', KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
  redis.call('HSET', KEYS[1], 'version', '1', 'epoch', epoch, 'groups', groups, 'tip', text(tip), 'run', ARGV[1])
elseif meta[5] ~= ARGV[1] then
  -- Another process: it may have lost the newest entries. Their numbers are not given again.
  tip = tip + tonumber(ARGV[4])
  redis.call('HSET', KEYS[1], 'tip', text(tip), 'run', ARGV[1])
end
local state, known = 'whole', tonumber(ARGV[6])
if ARGV[5] ~= '' and ARGV[5] ~= epoch then
  state = 'anew'
elseif ARGV[5] ~= '' and known > 0 then
  local place = text(known) .. '-0'
  if #redis.call('XRANGE', KEYS[2], place, place) == 0 then
    if first and number_of(first) > known then
      state = 'behind'
    else
      -- The stream goes back beyond it, and it is not there: it is lost.
      state, epoch = 'anew', ARGV[2]
      redis.call('HSET', KEYS[1], 'epoch', epoch)
    end
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return { epoch, groups, text(tip), text(number_of(first)), text(now), state }
