# Commands: names are lower case, descriptions at most 100 characters.
command-chat = chat
command-chat-description = Ask something; the answer gets a thread of its own
command-chat-prompt = prompt
command-chat-prompt-description = What do you want to know?
command-chat-attachment = attachment
command-chat-attachment-description = A picture, text, code file or PDF to look at
command-chat-private = private
command-chat-private-description = Only you see question and answer
command-image = image
command-image-description = Draw a picture
command-image-prompt = prompt
command-image-prompt-description = What shall be drawn?
command-image-shape = size
command-image-shape-description = square, wide, 16:9 or 1024x768
command-image-count = count
command-image-count-description = How many pictures, 1 to 4
command-image-negative = negative
command-image-negative-description = What shall not be drawn
command-image-input = image
command-image-input-description = A picture to start from
command-image-seed = seed
command-image-seed-description = The same number gives the same picture
command-image-steps = steps
command-image-steps-description = More steps, more detail, more time
command-image-spoiler = spoiler
command-image-spoiler-description = Hide the picture until somebody clicks it
option-model = model
option-model-description = Who shall answer
option-persona = persona
option-persona-description = In what manner
option-scope = for
option-scope-description = Where it holds
command-model = model
command-model-description = Choose which model answers
command-persona = persona
command-persona-description = Choose the manner of the answers
command-persona-text = text
command-persona-text-description = Your own instructions instead of a ready persona
command-close = close
command-close-description = End this conversation and archive its thread
command-settings = settings
command-settings-description = Rules of this server (for those who manage it)
command-usage = usage
command-usage-description = What you, or this server, have used
command-status = status
command-status-description = Who can answer right now (for operators)
command-privacy = privacy
command-privacy-description = What is stored about you; export or erase it
command-help = help
command-help-description = How to use me
menu-explain = Explain
menu-summarise = Summarise
menu-draw = Draw this
choice-conversation = this conversation
choice-channel = this channel
choice-me = me
choice-default = the default

# States of an answer.
state-thinking = Thinking…
state-queued = In line: number { $position }
state-queued-eta = In line: number { $position } · about { $seconds } s
state-waiting = Waiting for a free line · about { $seconds } s
state-working = { $stage }
state-reasoning = Reasoning for { $seconds } s
state-stopped = Stopped by { $who }
state-cut-off = The model reached its length limit.
state-filtered = The provider's filter ended the answer here.
state-restart = Interrupted by a restart.
state-history-cut = { $count ->
    [one] The oldest message no longer fits and was left out.
   *[other] The oldest { $count } messages no longer fit and were left out.
}
state-footer = { $model } · { $seconds } s
state-speed = { $speed } tok/s
state-offline = I was away when this was asked.
state-done = Done ↑
state-whole-file = The whole answer is in the file.
cursor = ▍

# Buttons.
button-stop = Stop
button-cancel = Cancel
button-regenerate = Regenerate
button-continue = Continue
button-retry = Try again
button-reasoning = Reasoning
button-file = Copy as file
button-share = Share here
button-reply = Reply…
button-answer-now = Answer now
reply-modal-title = Go on
reply-modal-text = Your message
button-again = Again
button-new-seed = New seed
button-edit-prompt = Edit prompt…
button-use-input = Use as input
button-delete = Delete
button-export = Export
button-erase = Erase everything
button-erase-sure = Yes, erase everything
button-no-store = Do not store my messages
button-store = Store my messages again
button-reset = Reset all

# Errors: what happened, what to do.
error-refused = The provider does not answer this. Ask in other words.
error-unknown-model = This model is not there any more. Choose another one with /model.
error-unsupported = Nobody here can do that right now.
error-invalid-request = That does not work as asked: { $problem }
error-quota = Every line is used up for the moment.
error-interrupted = The answer broke off, and nobody could finish it.
error-incomplete = The answer did not arrive whole.
error-unavailable = No model can answer right now.
error-connection = My answering service cannot be reached right now.
error-deadline = That took too long.
error-service-access = I am not allowed to ask my answering service; whoever runs me has to look.
error-general = Something went wrong on my side.
error-retry-at = Try again { $when }.
error-retry-now = Try again.
error-reference = id { $reference }
error-discord-channel-gone = The channel is gone.
error-discord-message-gone = The message is gone.
error-discord-too-fast = Discord asks me to slow down.
error-discord-old-message = Discord no longer lets me edit that message.
error-discord-too-large = The file is too large for this server.
error-discord-no-access = I cannot see that channel.
error-discord-no-dm = You do not accept direct messages from me.
error-discord-permission = I lack a permission here.
error-discord-archived = The thread is archived.
error-discord-away = Discord cannot be reached at the moment.
error-discord-thread-exists = There is a thread already.
error-discord-thread-locked = The thread is locked.
error-discord-too-many-threads = This server has too many active threads.
error-discord-automod = This server's AutoMod does not let my answer through.
no-threads = I may not make threads here, so I answer in the channel. Missing: Create Public Threads, Send Messages in Threads.
undelivered = I could not post the answer: { $reason }

# Access and limits.
access-channel = I do not work in this channel.
access-role = You do not have a role that may use me here.
access-control = Only the person who asked, or a moderator, may do that.
access-manage = For that you need the permission Manage Server.
access-operator = Only operators may see that.
access-role-blocked = You have a role that may not use me here.
access-person = You may not use me here.
access-server = I do not work on this server.
access-direct = I do not answer direct messages. Use me on a server.
access-manage-channels = For that you need the permission Manage Channels.
persona-not-stored = You asked me not to store your messages, so I cannot keep your own instructions. Choose a ready-made persona, or allow storing in /privacy.
access-pictures-off = Pictures are turned off on this server.
access-mature = Pictures of that kind are drawn only in age-restricted channels.
limit-concurrent = { $count ->
    [one] You have an answer running already. Wait for it, or stop it.
   *[other] You have { $count } answers running already. Wait for one, or stop it.
}
limit-user-hour = You have used { $used } of { $limit } answers for this hour. Next one { $when }.
limit-user-day = You have used { $used } of { $limit } answers for today. Next one { $when }.
limit-user-tokens = Your tokens for today are used up. Next answer { $when }.
limit-user-tokens-hour = Your tokens for this hour are used up. Next answer { $when }.
limit-server-tokens-hour = This server's tokens for this hour are used up. Next answer { $when }.
limit-server-hour = This server has used its { $limit } answers for this hour. Next one { $when }.
limit-server-day = This server has used its { $limit } answers for today. Next one { $when }.
limit-server-tokens = This server's tokens for today are used up. Next answer { $when }.
limit-loop = That is a lot of messages in a minute; I pause for a moment.
stale = That belongs to something I no longer have.
answer-runs = That is being answered already.
empty-prompt = There is nothing to answer: write a question or attach something.
first-words = Your questions go to a model's provider to be answered, and I keep the conversation for a while so that it can go on. /privacy shows, exports and erases it.
nothing-to-stop = That answer has ended already.
nothing-here = There is nothing to look at in that message.

# Attachments.
notice-too-large = { $name } is too large (at most { $limit } MB) and was left out.
notice-too-many = { $count ->
    [one] One attachment was too much and was left out.
   *[other] { $count } attachments were too many and were left out.
}
notice-unreadable = { $name } cannot be read and was left out.
notice-shortened = { $name } is long; only its beginning was read.
notice-pages = { $name } has { $pages } pages; the first { $limit } were read.
read = Read: { $what }
read-message = { $name }'s message
read-forwarded = a forwarded message
read-own-picture = my picture
read-pictures = { $count ->
    [one] a picture
   *[other] { $count } pictures
}
read-before = { $count ->
    [one] one message before
   *[other] { $count } messages before
}
notice-link = A linked message could not be read here and was left out.
notice-heic = { $name } is a HEIC picture, which I cannot read. Send it as JPEG or PNG.
notice-encrypted = { $name } is protected by a password and was left out.
notice-slow = { $name } takes too long to read and was left out.
notice-no-text = { $name } holds no text that can be read, only pictures perhaps. Send its pages as pictures.

# Pictures.
image-drawing = Drawing “{ $prompt }”
image-handover = Continuing on another server
image-queued = In line: number { $position }
image-stage-starting = starting
image-stage-queued = in line
image-stage-loading = loading the model
image-stage-generating = drawing
image-notice = { $message }
image-steps = { $steps } steps
image-seed = seed { $seed }
image-seconds = { $seconds } s
image-alt-place = picture { $index } of { $count }
image-preview-alt-unknown = Preview
image-preview-alt = Preview, { $percent } percent
image-eta = about { $seconds } s left
image-cancelled = Cancelled.
image-bad-size = That is no size: use square, wide, 16:9 or 1024x768.
image-bad-seed = A seed is a whole number.
image-empty-prompt = Tell me what to draw.
image-long-prompt = That is too long: at most 4,000 characters.
image-modal-title = Draw again
image-modal-prompt = Prompt
image-modal-negative = What not to draw
image-modal-shape = Size
image-modal-seed = Seed

# Model and persona.
model-set = { $model } answers in { $scope } from now on.
model-reset = The default model answers in { $scope } again.
model-sees = looks at pictures
model-blind = text only
model-context = remembers about { $count } tokens
model-resting = nobody can answer with it at this moment
model-unknown = There is no model “{ $model }”.
persona-set = { $persona } it is, in { $scope }.
persona-reset = The default manner is back in { $scope }.
persona-unknown = There is no persona “{ $persona }”.
persona-own = your own instructions
closed = This conversation has ended. A new message here opens it again.
not-a-conversation = This is not one of my conversations.

# Settings.
settings-title = ## Settings of { $server }
settings-channels = Channels I work in: { $value }
settings-roles = Roles that may use me: { $value }
settings-model = Default model: { $value }
settings-image-model = Default model for pictures: { $value }
settings-persona = Default persona: { $value }
settings-member-answers = Answers per member: { $value }
settings-member-tokens = Tokens per member: { $value }
settings-server-answers = Answers for the server: { $value }
settings-server-tokens = Tokens for the server: { $value }
settings-hour-and-day = { $hour } an hour, { $day } a day
settings-pictures = Pictures: { $value }
settings-threads = A thread for each conversation: { $value }
settings-leave-people-alone = In threads, leave people alone who talk to each other: { $value }
settings-archive = Threads archive after: { $value }
settings-footer = Footer with model and time: { $value }
settings-saved = Saved.
settings-on = on
settings-off = off
settings-everywhere = all
settings-everybody = everybody
settings-unlimited = no limit
settings-default = default
settings-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
settings-days = { $count ->
    [one] one day
   *[other] { $count } days
}
settings-choose-channels = Choose channels (none: all)
settings-choose-roles = Choose roles (none: everybody)
settings-toggle-pictures = Pictures on/off
settings-toggle-footer = Footer on/off
settings-toggle-threads = Threads on/off
settings-toggle-leave-people-alone = Leave people alone on/off
settings-check = Check permissions
settings-form-defaults = Defaults…
settings-form-member = Limits per member…
settings-form-server = Limits of the server…
settings-field-model = Default model (empty: mine)
settings-field-image-model = Model for pictures (empty: mine)
settings-field-persona = Default persona (empty: mine)
settings-field-archive-hours = Archive threads after hours: 1, 24, 72, 168
settings-field-user-requests-per-hour = Answers per hour (0: no limit)
settings-field-user-requests-per-day = Answers per day (0: no limit)
settings-field-user-tokens-per-hour = Tokens per hour (0: no limit)
settings-field-user-tokens-per-day = Tokens per day (0: no limit)
settings-field-server-requests-per-hour = Answers per hour (0: no limit)
settings-field-server-requests-per-day = Answers per day (0: no limit)
settings-field-server-tokens-per-hour = Tokens per hour (0: no limit)
settings-field-server-tokens-per-day = Tokens per day (0: no limit)
settings-bad-number = “{ $value }” is not a whole number from 0 to 1,000,000,000.
permission-read = Reading
permission-write = Writing
permission-threads = Threads
permission-files = Pictures and files
permission-react = Marking what waits
permission-yes = yes
permission-missing = missing in { $channels }

# Usage and status.
usage-title = ## Usage
usage-me = You, last 24 hours: { $requests ->
    [one] one answer
   *[other] { $requests } answers
}, { $tokens } tokens, { $pictures ->
    [one] one picture
   *[other] { $pictures } pictures
}
usage-me-month = You, last 30 days: { $requests ->
    [one] one answer
   *[other] { $requests } answers
}, { $tokens } tokens, { $pictures ->
    [one] one picture
   *[other] { $pictures } pictures
}
usage-server = This server, last 24 hours: { $requests ->
    [one] one answer
   *[other] { $requests } answers
}, { $tokens } tokens, { $pictures ->
    [one] one picture
   *[other] { $pictures } pictures
}
usage-limit = Limit for today: { $used } of { $limit }
status-ready = Answers are possible.
status-not-ready = Nobody can answer right now.
status-live = Running now: { $count }
status-hour = Last hour: { $requests } requests, { $failures } failed
status-model = { $model }: { $state }

# Privacy.
privacy-text =
    ## What I store about you
    { $conversations ->
        [one] One conversation
       *[other] { $conversations } conversations
    } with { $turns ->
        [one] one question
       *[other] { $turns } questions
    } and their answers, { $pictures ->
        [one] one picture order
       *[other] { $pictures } picture orders
    }, your settings and counts of use. { $retention }
    Questions and answers go to the model's provider to be answered. Messages in Discord itself are stored by Discord.
privacy-retention = { $days ->
    [0] Nothing is erased by itself.
    [one] Everything is erased after one day.
   *[other] Everything is erased after { $days } days.
}
privacy-export = Everything I store about you:
privacy-erase-sure = This erases your conversations, picture orders, settings and counts here. Messages in Discord stay. Sure?
privacy-erased = Erased.
privacy-not-stored = From now on I store no message of yours; I only know what stands in the thread.
privacy-stored = I store your messages again.

# Help.
help-text =
    ## Hello
    { "" }**Ask:** `/chat` opens a thread; just go on writing in it. Or mention me, or reply to me, or write me directly.
    { "" }**Draw:** `/image`, then use the buttons below the picture.
    { "" }**Messages of others:** right click → Apps → *Explain*, *Summarise*, *Draw this*.
    { "" }**Show me things:** attach pictures, text, code or PDFs.
    { "" }**Choose:** `/model` and `/persona`. **Limits:** `/usage`. **Your data:** `/privacy`.
help-no-content = I cannot read messages on this server, so mention me with each message.
welcome =
    Hello! Ask me with `/chat`, draw with `/image`, or mention me. Those who manage this server find my rules in `/settings`.
    Questions go to a model's provider to be answered; `/privacy` tells what is stored.
explain-prompt = Explain the following message simply and briefly:
summarise-prompt = Summarise the following message in a few sentences:
shared-by = Shared by { $who }
