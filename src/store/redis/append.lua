-- Appends a batch of publishes, each under the next number, in one piece.
-- ARGV: epoch, run, oldest number worth keeping, milliseconds that a key is remembered, most keys,
-- most keys of one network; then 7 for each publish: topic, payload, 1 if binary, event ('e' before
-- it) or '', idempotency key ('k' before it) or '', network, group of the topic's name.
-- Answers the newest number before, and for each publish the number that it has.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'tip')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then
  return redis.error_reply('TOLLWAYANEW another epoch, or another process')
end
local tip = tonumber(meta[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key_ms, keys_max, share_max = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local function text(number) return string.format('%.0f', number) end
local function placed(network, seq) return network .. ' ' .. string.format('%020.0f', seq) end

local function forget(field)
  local value = redis.call('HGET', KEYS[4], field)
  redis.call('HDEL', KEYS[4], field)
  redis.call('ZREM', KEYS[5], field)
  if value then
    local seq, network = string.match(value, '^(%d+) %d+ (.*)$')
    redis.call('ZREM', KEYS[6], placed(network, tonumber(seq)))
    if tonumber(redis.call('ZINCRBY', KEYS[7], -1, network)) <= 0 then
      redis.call('ZREM', KEYS[7], network)
    end
  end
end

local function forget_oldest_of(network)
  local first = redis.call('ZRANGEBYLEX', KEYS[6], '[' .. network .. ' ', '(' .. network .. '!', 'LIMIT', 0, 1)[1]
  local seq = first and text(tonumber(string.match(first, '(%d+)$')))
  local field = seq and redis.call('ZRANGEBYSCORE', KEYS[5], seq, seq, 'LIMIT', 0, 1)[1]
  if field then forget(field) end
end

local function remember(field, seq, network)
  if tonumber(redis.call('ZSCORE', KEYS[7], network) or 0) >= share_max then
    forget_oldest_of(network)
  elseif redis.call('ZCARD', KEYS[5]) >= keys_max then
    local most = redis.call('ZREVRANGE', KEYS[7], 0, 0)[1]
    if most then forget_oldest_of(most) end
  end
  redis.call('HSET', KEYS[4], field, text(seq) .. ' ' .. text(now) .. ' ' .. network)
  redis.call('ZADD', KEYS[5], text(seq), field)
  redis.call('ZADD', KEYS[6], 0, placed(network, seq))
  redis.call('ZINCRBY', KEYS[7], 1, network)
end

-- Keys that are too old, a few more than can have come.
for _ = 1, #ARGV do
  local field = redis.call('ZRANGE', KEYS[5], 0, 0)[1]
  local value = field and redis.call('HGET', KEYS[4], field)
  local at = value and tonumber(string.match(value, '^%d+ (%d+) '))
  if not field or at and now - at < key_ms then break end
  forget(field)
end

-- Written in any case, so that WAIT has something to wait for behind a repeat.
redis.call('HSET', KEYS[1], 'tip', text(tip))
local answer = { tip }
for n = 7, #ARGV, 7 do
  local topic, network = ARGV[n], ARGV[n + 5]
  local field = ARGV[n + 4] ~= '' and topic .. '\n' .. string.sub(ARGV[n + 4], 2)
  local known = field and redis.call('HGET', KEYS[4], field)
  if known then
    answer[#answer + 1] = tonumber(string.match(known, '^(%d+) '))
  else
    tip = tip + 1
    local before = redis.call('HGET', KEYS[3], ARGV[n + 6]) or '0'
    local entry = { 't', topic, 'p', ARGV[n + 1], 'w', text(now), 'b', before }
    if ARGV[n + 3] ~= '' then
      entry[#entry + 1], entry[#entry + 2] = 'e', string.sub(ARGV[n + 3], 2)
    end
    if ARGV[n + 2] == '1' then
      entry[#entry + 1], entry[#entry + 2] = 'x', '1'
    end
    -- First the number: whatever stops us, none is given twice.
    redis.call('HSET', KEYS[1], 'tip', text(tip))
    redis.call('XADD', KEYS[2], text(tip) .. '-0', unpack(entry))
    redis.call('HSET', KEYS[3], ARGV[n + 6], text(tip))
    if field then remember(field, tip, network) end
    answer[#answer + 1] = tip
  end
end
-- A number that had not been given before is one of another numbering: by it we would trim what we
-- have just appended.
local oldest = tonumber(ARGV[3])
if oldest > 0 and oldest <= answer[1] then
  redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[3] .. '-0')
end
return answer
