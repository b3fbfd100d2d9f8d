alter table containers add column description text;
alter table containers add column stateful integer not null default 0;
alter table containers add column last_use_date datetime;
