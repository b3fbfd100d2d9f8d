alter table images add column cached integer not null default 0;
alter table images add column last_use_date datetime;
update images set last_use_date = upload_date;
